/*
 * commands: another program takes this process's place.
 *
 * Called by main.c. The answer needs the application, or files of its package, and fastrd itself never
 * runs Python: so it becomes the application's Python with fastrapi.commands, before a listener
 * is opened or a child started.
 */
#include "master/commands.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/wire.h"
#include "master/arguments.h"
#include "master/python.h"

/* `-m fastrapi.commands` in a Python that has no fastrapi would end with a traceback: the
 * master has become it, and no parent is left to explain what is missing. */
static const char program[] =
    "import sys\n"
    "try:\n"
    "    from fastrapi import commands, wire\n"
    "    wire.check_version('" PACKAGE_VERSION "')\n"
    "except ImportError as exc:\n"
    "    sys.stderr.write(f\"\"\"fastrd: {sys.executable} cannot run fastrapi ({exc}); "
		MASTER_PYTHON_REMEDY("{sys.executable}") "\n\"\"\")\n"
    "    sys.exit(5)\n"
    "sys.exit(commands.main())\n";

static const char *
word(enum master_command command)
{
	must(command != COMMAND_SERVE);
	return command == COMMAND_ROUTES ? "routes" :
	    command == COMMAND_EXPLAIN ? "explain" :
	    command == COMMAND_NEW ? "new" : "test";
}

/* PYTHON -c <program> COMMAND [METHOD PATH] APP NAME=VALUE..., or new DIRECTORY */
int
master_command_exec(const struct master_conf *c, const char *python)
{
	struct master_arguments a;

	master_arguments_init(&a, python);
	master_arguments_add(&a, "-c");
	master_arguments_add(&a, program);
	master_arguments_add(&a, word(c->command));
	if (c->command == COMMAND_EXPLAIN) {
		master_arguments_add(&a, c->explain[0]);
		master_arguments_add(&a, c->explain[1]);
	}
	if (c->command == COMMAND_NEW) {
		master_arguments_add(&a, c->directory);
	} else {
		master_arguments_add(&a, c->app);
		master_arguments_settings(&a, &c->values);
	}
	if (a.overflow)
		errno = E2BIG;
	else if (master_arguments_secrets(&c->values) == 0)
		execv(python, (char *const *)(uintptr_t)a.argv);
	fprintf(stderr, "fastrd: cannot run %s: %s\n", python, strerror(errno));
	return WIRE_EXIT_PYTHON;
}
