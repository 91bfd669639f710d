/*
 * help: usage, flags, signals.
 *
 * Called by conf.c. A flag's line is its row of base/conf_keys.def.
 */
#include "master/help.h"

#include <stdio.h>

#include "base/conf.h"

static void
row_print(const struct conf *defaults, const struct conf_row *row)
{
	char flag[CONF_NAME_BYTES], left[64], value[64], words[CONF_WHY_BYTES] = "";

	snprintf(left, sizeof(left), "--%s %s", conf_flag(row, flag),
	    conf_is_switch(row) ? "" : row->argument);
	if (row->type == CONF_WORD)
		conf_words(row, words);
	printf("  %-34s %s%s%s", left, row->help, words[0] != '\0' ? ": " : "", words);
	if (row->type == CONF_SWITCH && row->number != 0)
		printf(" [on; --no-%s]", flag);
	else if (row->type == CONF_WORD && conf_is_switch(row))
		printf(" [%s; --no-%s]", row->text, flag);
	else if (row->type != CONF_SWITCH && conf_print(defaults, row, value, sizeof(value)) > 0)
		printf(" [%s]", value);
	printf("\n");
}

void
master_help_print(void)
{
	struct conf defaults;

	printf("usage: fastrd [flags] [APP]               serve an ASGI application\n"
	    "       fastrd run [APP]                   the same, on all addresses, as fastapi run\n"
	    "       fastrd dev [APP]                   the same, for development, as fastapi dev\n"
	    "       fastrd routes [APP]                list its routes: compiled, or why not\n"
	    "       fastrd explain METHOD PATH [APP]   what a request would run, step by step\n"
	    "       fastrd -t [APP]                    load it, compile it, say whether it works\n"
	    "       fastrd --print-config [APP]        every setting, and where its value comes from\n"
	    "       fastrd new DIR                     write a small project that runs\n"
	    "\n"
	    "APP is module:attribute, module:function() or a file such as main.py. Without it:\n"
	    "[tool.fastapi] entrypoint of pyproject.toml, else the first of main.py, app.py,\n"
	    "api.py, app/main.py, app/app.py and app/api.py.\n"
	    "\n");
	conf_init(&defaults);
	for (size_t i = 0; i < CONF_COUNT; i++)
		if ((conf_rows[i].marks & CONF_UNFLAGGED) == 0)
			row_print(&defaults, &conf_rows[i]);
	printf("  %-34s %s\n  %-34s %s\n\n", "--help", "this text", "--version", "the version");
	printf("Signals: TERM, QUIT drain; INT quickly; HUP reload; TTIN, TTOU one worker\n"
	    "more or less. Every flag can be set in the environment: --app-dir as FASTRD_APP_DIR,\n"
	    "and in a file: as app_dir. The flag goes before the environment, that before the file.\n");
}
