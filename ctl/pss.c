/*
 * pss: /proc/PID/smaps_rollup.
 *
 * Called by show.c. It takes a while, and may wait for the process: so it is not the master that reads it.
 */
#include "ctl/pss.h"

#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 512 };

static FILE *
proc_open(double pid, const char *file)
{
	char path[64];

	if (!(pid >= 1 && pid < 1e9))
		return NULL;
	snprintf(path, sizeof(path), "/proc/%.0f/%s", pid, file);
	return fopen(path, "re");
}

/* The number behind `key` in such a file; -1: there is none. */
static double
number_find(double pid, const char *file, const char *key)
{
	FILE *f = proc_open(pid, file);
	char line[LINE_BYTES];
	double n = -1;

	if (f == NULL)
		return -1;
	while (n < 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) != 0 || sscanf(line + strlen(key), "%lf", &n) != 1)
			n = -1;
	fclose(f);
	return n;
}

double
ctl_pss(double pid, double parent)
{
	double kb = 0;

	if (number_find(pid, "status", "PPid:") == parent)
		kb = number_find(pid, "smaps_rollup", "Pss:");
	return kb > 0 ? kb * 1024 : 0;
}
