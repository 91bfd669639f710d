/*
 * fastrdctl: its entry.
 *
 * One command, one question to the server, one answer. docs/fastrdctl.1 is its manual.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/control.h"
#include "ctl/done.h"
#include "ctl/json.h"
#include "ctl/server.h"
#include "ctl/show.h"
#include "ctl/text.h"

enum { MESSAGE_BYTES = 2048 };

static const struct command {
	const char *name, *word;	/* as it is typed, and as the server reads it */
	const char *argument;		/* that must follow; NULL: nothing may */
	bool may_wait;
	void (*show)(const struct ctl_value *answer);
	const char *help;
} commands[] = {
	{ "status", CONTROL_STATUS, NULL, false, ctl_show_status, "the server at a glance" },
	{ "workers", CONTROL_WORKERS, NULL, false, ctl_show_workers, "a line for each process" },
	{ "requests", CONTROL_REQUESTS, NULL, false, ctl_show_requests, "what the workers have in hand" },
	{ "last-crash", CONTROL_CRASHES, NULL, false, ctl_show_crashes,
	    "workers that died, the last one first" },
	{ "config", CONTROL_CONFIG, NULL, false, ctl_show_config,
	    "every setting, and where its value comes from" },
	{ "reload", CONTROL_RELOAD, NULL, true, ctl_done_reload,
	    "load the application anew; --wait: until it serves" },
	{ "scale", CONTROL_SCALE, "N", false, ctl_done_scale, "so many workers, or +N more, or -N less" },
	{ "reopen", CONTROL_REOPEN, NULL, false, ctl_done_reopen,
	    "open the log files again, which were rotated" },
	{ "stacks", CONTROL_STACKS, "PID", false, ctl_done_stacks,
	    "the Python stacks of a worker, to the log" },
	{ "stop", CONTROL_STOP, NULL, true, ctl_done_stop,
	    "finish requests, then end; --wait: until it has" },
	{ "drain", CONTROL_STOP, NULL, true, ctl_done_stop, "the same" },
};

struct asked {
	const struct command *command;
	const char *argument, *socket;
	bool wait, json;
};

static void
help_print(void)
{
	printf("usage: fastrdctl [--socket PATH] [--json] COMMAND\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s%s", c->name, c->argument != NULL ? " " : "",
		    c->argument != NULL ? c->argument : "", c->may_wait ? " [--wait]" : "");
		printf("  %-18s %s\n", left, c->help);
	}
	printf("\n  %-18s %s\n  %-18s %s\n  %-18s %s\n\n", "--socket PATH", "of fastrd's --control-socket",
	    "--json", "the answer as it comes", "--version", "the version");
	printf("Without --socket: FASTRD_CONTROL_SOCKET, $XDG_RUNTIME_DIR/fastrd/control,\n"
	    "/run/fastrd/control, the first that there is.\n\n"
	    "Exit status: 0 done; 1 it has failed; 2 a wrong flag; 3 no server is there.\n");
}

static int
usage(const char *cause, const char *what)
{
	fprintf(stderr, "fastrdctl: %s%s; see fastrdctl --help\n", cause, what);
	return CTL_EXIT_USAGE;
}

static const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* A word that is no flag. 0, or the exit code after one line. */
static int
word_take(struct asked *a, const char *word)
{
	if (a->command == NULL) {
		a->command = command_find(word);
		return a->command != NULL ? 0 : usage("unknown command ", word);
	}
	if (a->command->argument == NULL || a->argument != NULL)
		return usage("unexpected ", word);
	a->argument = word;
	return 0;
}

/* All of the command line. 0; -1: the help or the version was printed; or the exit code after one line. */
static int
arguments_take(struct asked *a, int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			help_print();
			return -1;
		} else if (strcmp(word, "--version") == 0) {
			printf("fastrdctl %s\n", PACKAGE_VERSION);
			return -1;
		} else if (strcmp(word, "--socket") == 0 && i + 1 < argc) {
			a->socket = argv[++i];
		} else if (strncmp(word, "--socket=", 9) == 0) {
			a->socket = word + 9;
		} else if (strcmp(word, "--json") == 0) {
			a->json = true;
		} else if (strcmp(word, "--wait") == 0) {
			a->wait = true;
		} else if (word[0] == '-' && (word[1] < '0' || word[1] > '9')) {
			rc = usage(strcmp(word, "--socket") == 0 ? "want a path behind " :
			    "unknown flag ", word);
		} else {
			rc = word_take(a, word);
		}
	}
	if (rc != 0)
		return rc;
	if (a->command == NULL)
		return usage("no command", "");
	if (a->command->argument != NULL && a->argument == NULL) {
		fprintf(stderr, "fastrdctl: want %s %s\n", a->command->name, a->command->argument);
		return CTL_EXIT_USAGE;
	}
	return a->wait && !a->command->may_wait ? usage("--wait does not go with ", a->command->name) : 0;
}

/* What the server says against it. */
static void
failure_print(const struct ctl_value *answer)
{
	char error[MESSAGE_BYTES], log[MESSAGE_BYTES];

	ctl_text_plain(ctl_json_text(answer, "error"), error, sizeof(error));
	ctl_text_plain(ctl_json_text(answer, "log"), log, sizeof(log));
	fprintf(stderr, "fastrdctl: %s%s%s\n", error, *log != '\0' ? "; the log is " : "", log);
}

/* The answer; the exit code. */
static int
answer_print(const struct asked *a, const char *bytes, size_t len)
{
	const struct ctl_value *answer;
	struct arena arena;
	bool ok;

	arena_init(&arena, len + 1);
	answer = ctl_json_read(&arena, bytes, len);
	ok = ctl_json_truth(answer, "ok") && ctl_json_number(answer, "status") == 0;
	if (answer == NULL)
		fprintf(stderr, "fastrdctl: the answer is not understood; is it fastrd's socket?\n");
	else if (a->json)
		fwrite(bytes, 1, len, stdout);
	else if (!ctl_json_truth(answer, "ok"))
		failure_print(answer);
	else
		a->command->show(answer);
	arena_fini(&arena);
	return ok ? CTL_EXIT_OK : CTL_EXIT_FAILED;
}

int
main(int argc, char **argv)
{
	struct asked a = { .command = NULL };
	int rc = arguments_take(&a, argc, argv);
	char line[CONTROL_LINE_MAX], *answer = NULL;
	const char *path;
	size_t len = 0;

	if (rc != 0)
		return rc < 0 ? fflush(stdout) != 0 : rc;
	if (snprintf(line, sizeof(line), "%s%s%s\n", a.command->word, a.argument != NULL || a.wait ? " " : "",
	    a.argument != NULL ? a.argument : a.wait ? CONTROL_WAIT : "") >= (int)sizeof(line))
		return usage("this is too long: ", a.argument);
	path = ctl_server_find(a.socket);
	if (path == NULL)
		return CTL_EXIT_NO_SERVER;
	rc = ctl_server_ask(path, line, a.wait, &answer, &len);
	if (rc == 0)
		rc = answer_print(&a, answer, len);
	free(answer);
	if (fflush(stdout) == 0)
		return rc;
	perror("fastrdctl: standard output");
	return CTL_EXIT_FAILED;
}
