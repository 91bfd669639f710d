/*
 * done: a line for each order.
 *
 * Called by fastrdctl.c.
 */
#include "ctl/done.h"

#include <stdio.h>

#include "ctl/json.h"
#include "ctl/text.h"

void
ctl_done_reload(const struct ctl_value *answer)
{
	char routes[CTL_CELL_BYTES], took[CTL_CELL_BYTES];

	if (ctl_json_get(answer, "generation") == NULL)
		printf("%s\n", ctl_json_truth(answer, "put_off") ?
		    "put off until it can begin" : "reloading; fastrdctl status says how it ends");
	else
		printf("generation %.0f serves: %s; reloaded in %s\n", ctl_json_number(answer, "generation"),
		    ctl_text_plain(ctl_json_text(answer, "routes"), routes, sizeof(routes)),
		    ctl_text_span(ctl_json_number(answer, "seconds"), took));
}

void
ctl_done_stop(const struct ctl_value *answer)
{
	char span[CTL_CELL_BYTES];

	ctl_text_span(ctl_json_number(answer, "seconds"), span);
	if (ctl_json_get(answer, "status") == NULL)
		printf("ending; requests have %s\n", span);
	else
		printf("ended after %s with status %.0f\n", span, ctl_json_number(answer, "status"));
}

void
ctl_done_reopen(const struct ctl_value *answer)
{
	(void)answer;
	printf("log files opened again\n");
}

void
ctl_done_scale(const struct ctl_value *answer)
{
	double n = ctl_json_number(answer, "workers");

	printf("%.0f worker%s%s\n", n, n == 1 ? "" : "s", ctl_json_truth(answer, "put_off") ?
	    " as soon as the generation that is starting has" : "");
}

void
ctl_done_stacks(const struct ctl_value *answer)
{
	char log[CTL_CELL_BYTES];

	ctl_text_plain(ctl_json_text(answer, "log"), log, sizeof(log));
	printf("the stacks go to the log, %s\n", log);
}
