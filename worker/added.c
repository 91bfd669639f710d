/*
 * added: security fields and the request's id.
 *
 * Called by worker.c (the settings) and by reply.c for every answer. Which fields there are is said
 * here only; what --header has of the same name takes the place of ours.
 */
#include "worker/added.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "http/field.h"
#include "worker/preset.h"

/* In the order of the setting's words. */
static const struct slice frames[] = { SLICE_LIT("DENY"), SLICE_LIT("SAMEORIGIN"), SLICE_LIT("") };

/* One field, unless its value is empty or --header has one. -1: it cannot be sent. */
static int
add(struct worker_added *a, const struct conf *conf, struct slice name, struct slice value)
{
	if (value.len == 0 || worker_preset_names(conf->header, name.ptr))
		return 0;
	must(a->n < WORKER_ADDED_MAX);
	a->all[a->n++] = (struct hx_header){ name, value };
	return hx_field_value_ok(value) ? 0 : -1;
}

static struct slice
text_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

int
worker_added_init(struct worker_added *a, const struct conf *conf)
{
	struct slice age = { a->age, 0 };

	a->n = a->n_plain = 0;
	a->has_id = worker_preset_names(conf->header, "x-request-id");
	if (!conf->security_headers)
		return 0;
	must(conf->security_frame_options < sizeof(frames) / sizeof(frames[0]));
	if (add(a, conf, SLICE_LIT("x-content-type-options"), SLICE_LIT("nosniff")) < 0 ||
	    add(a, conf, SLICE_LIT("x-frame-options"), frames[conf->security_frame_options]) < 0 ||
	    add(a, conf, SLICE_LIT("referrer-policy"), text_of(conf->security_referrer_policy)) < 0 ||
	    add(a, conf, SLICE_LIT("content-security-policy"), text_of(conf->security_content_policy)) < 0 ||
	    add(a, conf, SLICE_LIT("permissions-policy"), text_of(conf->security_permissions_policy)) < 0 ||
	    add(a, conf, SLICE_LIT("cross-origin-opener-policy"), text_of(conf->security_opener_policy)) < 0)
		return -1;
	a->n_plain = a->n;
	if (conf->security_https_max_age > 0)
		age.len = (size_t)snprintf(a->age, sizeof(a->age), "max-age=%lld",
		    (long long)conf->security_https_max_age);
	return add(a, conf, SLICE_LIT("strict-transport-security"), age);
}

int
worker_added_to(const struct worker_added *a, struct hx_exchange *x,
    const struct hx_header **fields, size_t *n)
{
	const struct hx_header id = { SLICE_LIT("x-request-id"), a->has_id ? SLICE_NULL : x->request_id };
	bool secure = slice_equal(x->origin.scheme, SLICE_LIT("https"));
	size_t more = secure ? a->n : a->n_plain, own = *n;
	struct hx_header *all;

	if (more == 0 && id.value.len == 0)
		return 0;
	all = arena_alloc(&x->arena, (own + more + 1) * sizeof(*all));
	if (all == NULL)
		return -1;
	if (own > 0)
		memcpy(all, *fields, own * sizeof(*all));
	for (size_t i = 0; i < more; i++)
		if (hx_exchange_header_value(all, own, a->all[i].name).ptr == NULL)
			all[(*n)++] = a->all[i];
	if (id.value.len > 0 && hx_exchange_header_value(all, own, id.name).ptr == NULL)
		all[(*n)++] = id;
	*fields = all;
	return 0;
}
