/*
 * route: shapes, buckets, candidates.
 *
 * Called by bindings/request.c for every request, without the interpreter; also by
 * bindings/app.c, bindings/plan/router.c, bindings/stack and bindings/table/read_back.c. The
 * table has passed shm/check. It must not allocate, recurse or write to the table.
 */
#include "shm/route.h"

#include "base/must.h"
#include "shm/key.h"
#include "shm/method.h"

/* One look-up. */
struct lookup {
	const struct shm_table *t;
	struct slice path;
	uint64_t method;	/* its bit; 0: any of HTTP's */
	uint32_t best;		/* the first declared of the routes found so far */
	bool unsure;		/* whether some candidate matches could not be decided */
	struct slice *params;
	unsigned *n_params;
};

static bool
takes(const struct shm_route *route, uint64_t method)
{
	/* A route may have methods that are none of the bits. */
	return method != 0 ? (route->methods & method) != 0 :
	    route->methods != UINT64_C(1) << SHM_METHOD_WEBSOCKET;
}

static void
bucket_try(struct lookup *l, const struct shm_bucket *bucket, uint32_t tag)
{
	const struct shm_candidate *c = l->t->candidates + bucket->first_candidate;
	const struct shm_candidate *end = c + bucket->n_candidates;
	struct slice params[SHM_MAX_PARAMS];
	unsigned n = 0;

	for (; c < end && c->route < l->best; c++) {
		const struct shm_route *route = &l->t->routes[c->route];
		enum shm_verdict verdict = SHM_YES;

		if (c->tag != tag || !takes(route, l->method))
			continue;
		if (!route->barrier)
			verdict = shm_template_match(l->t->parts + route->first_part,
			    route->n_parts, l->t->strings, l->path, params, &n);
		if (verdict == SHM_NO)
			continue;
		l->unsure |= verdict == SHM_UNSURE;
		l->best = c->route;
		*l->n_params = n;
		for (unsigned i = 0; i < n; i++)
			l->params[i] = params[i];
		return;		/* the candidates behind it were declared later */
	}
}

static void
span_try(struct lookup *l, const struct shm_key *key, const struct shm_span *span)
{
	const struct shm_shape *shape = l->t->shapes + span->first_shape;
	const struct shm_shape *end = shape + span->n_shapes;

	for (; shape < end; shape++) {
		uint64_t hash;

		/* The open end of a prefix stands behind a '/': a path that matches has
		 * at least one segment more. */
		if (shape->n_segments > 0 && shape->prefix && key->n_segments <= shape->n_segments)
			continue;
		hash = shm_key_hash(key, shape->literal);
		bucket_try(l, &l->t->buckets[shape->first_bucket +
		    ((uint32_t)hash & (shape->n_buckets - 1))], (uint32_t)(hash >> 32));
	}
}

/* Try every route. False: the application has to decide. */
static bool
table_try(struct lookup *l)
{
	struct shm_key key;

	if (l->path.len > SHM_MAX_PATH || !shm_key_of_path(l->path, &key))
		return false;
	if (key.n_segments > 0)
		span_try(l, &key, &l->t->spans[key.n_segments]);
	span_try(l, &key, &l->t->spans[SHM_SPAN_PREFIX]);
	return !l->unsure;
}

bool
shm_route_match(const struct shm_table *t, unsigned method, struct slice path,
    uint32_t *route, struct slice *params, unsigned *n_params)
{
	struct lookup l = { .t = t, .path = path, .best = SHM_NONE, .params = params,
	    .n_params = n_params };

	must(method < 64);
	l.method = UINT64_C(1) << method;
	*route = SHM_NONE;
	*n_params = 0;
	if (method == SHM_METHOD_OTHER)
		return false;
	if (table_try(&l))
		*route = l.best;
	else
		*n_params = 0;
	return *route != SHM_NONE;
}

enum shm_verdict
shm_route_match_path(const struct shm_table *t, struct slice path, uint32_t *route)
{
	struct slice params[SHM_MAX_PARAMS];
	unsigned n_params = 0;
	struct lookup l = { .t = t, .path = path, .best = SHM_NONE, .params = params,
	    .n_params = &n_params };
	bool sure = table_try(&l);

	*route = sure ? l.best : SHM_NONE;
	if (!sure)
		return SHM_UNSURE;
	return l.best != SHM_NONE ? SHM_YES : SHM_NO;
}
