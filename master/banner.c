/*
 * banner: address, workers, versions, routes.
 *
 * Called by generation.c when the first generation serves. These lines are printed as
 * they are, without time and level: for a person at a terminal.
 */
#include "master/banner.h"

#include <stdio.h>
#include <unistd.h>

#include "master/conf.h"
#include "master/listen.h"
#include "master/master.h"

void
master_banner_print(const struct master *m, const struct master_generation *g)
{
	fprintf(stderr, "fastrd %s serves %s\n", PACKAGE_VERSION, m->conf->app);
	fprintf(stderr, "  address  %s\n", m->listeners->text);
	fprintf(stderr, "  workers  %u (master %ld)\n", m->n_workers, (long)getpid());
	fprintf(stderr, "  python   %s (%s)\n", g->python, m->python);
	if (g->framework[0] == '-') {
		fprintf(stderr, "  app      plain ASGI\n");
		return;
	}
	fprintf(stderr, "  fastapi  %s\n", g->framework);
	fprintf(stderr, "  routes   %u compiled, %u through ASGI (fastrd routes %s says why)\n",
	    g->n_compiled, g->n_asgi, m->conf->app);
}
