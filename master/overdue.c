/*
 * overdue: say who is late, after how long and with what; then kill.
 *
 * Called by master.c (the clock) and generation.c (a start that takes too long).
 *
 * Logs: "worker N has not started after N s: DOING; see --timeout-startup", "worker N has not
 * ended after N s, it is killed: DOING".
 */
#include "master/overdue.h"

#include "base/log.h"
#include "master/doing.h"
#include "master/master.h"
#include "master/zygote.h"

void
master_overdue_tell(const struct master *m, struct master_child *c, uint64_t now_ms)
{
	char name[MASTER_NAME_BYTES], doing[MASTER_DOING_BYTES];
	double s = (double)(now_ms - c->since_ms) / 1000;

	master_child_name(c, name);
	master_doing_text(m, c, doing);
	if (c->state == CHILD_STARTING && !c->told_to_end)
		log_errorx("%s has not started after %.1f s: %s; see --timeout-startup", name, s,
		    doing);
	else
		log_warnx("%s has not ended after %.1f s, it is killed: %s", name, s, doing);
	c->overdue = true;
	master_child_show_stacks(c);
}

void
master_overdue(struct master *m, struct master_child *c, uint64_t now_ms)
{
	if (c->pid == MASTER_PID_UNKNOWN && !c->told_to_end) {
		master_zygote_late(m, c, now_ms);
		return;
	}
	if (!c->overdue) {
		master_overdue_tell(m, c, now_ms);
		c->kill_at_ms = now_ms + (c->begun ? MASTER_STACKS_MS : 0);
	}
	if (c->kill_at_ms > now_ms)
		return;
	c->kill_at_ms = 0;
	master_child_kill(c, c->state != CHILD_STARTING || c->told_to_end);
}
