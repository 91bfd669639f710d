/*
 * rules: which rule holds, and what happens when a request has had its time.
 *
 * Called by worker.c (the settings), conductor.c when a request begins, reply.c and conn.c when it
 * is over, and by libevent when a time is over. Nothing here runs while there is no rule.
 */
#include "worker/rules.h"

#include <stdlib.h>

#include "base/must.h"
#include "bindings/request.h"
#include "worker/conn.h"
#include "worker/reply.h"

/* The client gets its answer now, unless it has left or has another. What runs for it is cancelled by
 * the connection's job, for that needs the interpreter. */
static void
answer_expired(struct io_timer *timer)
{
	struct worker_conn *c = container_of(timer, struct worker_conn, rule_timer);

	c->cancel_due = pyb_request_active(&c->x);
	if (c->state == CONN_LINGER || c->state == CONN_DEAD) {
		worker_conn_push(c);
		return;
	}
	worker_count(c->w, SHM_COUNT_timeouts, 1);
	worker_reply_refuse(c, HX_REFUSE_answer_timeout);
}

static size_t
lines_of(const char *text)
{
	size_t n = *text != '\0';

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

int
worker_rules_init(struct worker_rules *rules, struct io_turn *turn, const struct conf *conf)
{
	size_t lines = lines_of(conf->route);
	const char *text = conf->route;
	char why[CONF_WHY_BYTES];

	rules->n = 0;
	rules->all = lines > 0 ? calloc(lines, sizeof(*rules->all)) : NULL;
	if (lines > 0 && rules->all == NULL)
		return -1;
	for (; *text != '\0'; rules->n++) {
		struct worker_rule *r = &rules->all[rules->n];

		must(rules->n < lines);
		if (rule_read(&text, &r->rule, why) < 0) {
			worker_rules_fini(rules);
			return -1;
		}
		io_timers_init(&r->content, turn, (uint64_t)r->rule.timeout_content_s * 1000,
		    worker_timeouts_content_expired);
		io_timers_init(&r->answer, turn, (uint64_t)r->rule.timeout_s * 1000, answer_expired);
	}
	return 0;
}

void
worker_rules_fini(struct worker_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		io_timers_fini(&rules->all[i].content);
		io_timers_fini(&rules->all[i].answer);
	}
	free(rules->all);
	*rules = (struct worker_rules){ .n = 0 };
}

static struct worker_rule *
rule_find(struct worker_rules *rules, const struct hx_request *req)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rule_matches(&rules->all[i].rule, req->method_name, req->path))
			return &rules->all[i];
	return NULL;
}

bool
worker_rules_begin(struct worker_conn *c)
{
	struct worker_rule *r = rule_find(&c->w->rules, &c->x.req);

	must(c->rule == NULL);
	c->limit_body = c->w->limits.body;
	c->content_time = &c->w->timeouts.content;
	if (r == NULL)
		return true;
	if (r->rule.limit_concurrency > 0 && r->running >= (uint64_t)r->rule.limit_concurrency) {
		worker_reply_refuse(c, HX_REFUSE_too_busy);
		return false;
	}
	r->running++;
	c->rule = r;
	if (r->rule.limit_body >= 0)
		c->limit_body = (uint64_t)r->rule.limit_body;
	if (r->rule.timeout_content_s > 0)
		c->content_time = &r->content;
	if (r->rule.timeout_s > 0)
		io_timers_touch(&r->answer, &c->rule_timer);
	return true;
}

void
worker_rules_end(struct worker_conn *c)
{
	io_timers_remove(&c->rule_timer);
	if (c->rule == NULL)
		return;
	must(c->rule->running > 0);
	c->rule->running--;
	c->rule = NULL;
}
