/*
 * proxy: expect a header, read it, believe it.
 *
 * Called by worker.c (the settings), accept.c (a new connection), conductor.c (bytes while the
 * header is due) and handover.c (a connection that has come from another worker). Nothing is
 * guessed: where headers are on, a connection without one is refused, as whoever sends none
 * would choose between two addresses for itself.
 */
#include "worker/proxy.h"

#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "worker/conn.h"
#include "worker/reply.h"

int
worker_proxy_init(struct worker_proxy *p, const struct conf *conf)
{
	p->on = conf->proxy_protocol;
	return p->on ? hx_trust_init(&p->allowed, conf->proxy_allow_ips) : 0;
}

void
worker_proxy_fini(struct worker_proxy *p)
{
	hx_trust_fini(&p->allowed);
}

/* The peer's address; of one that comes by IPv4 to a listener of IPv6, the one of IPv4. */
static struct slice
peer_of(const struct worker_conn *c)
{
	static const struct slice mapped = SLICE_LIT("::ffff:");
	struct slice host = c->x.peer.host;

	if (host.len > mapped.len && memcmp(host.ptr, mapped.ptr, mapped.len) == 0 &&
	    memchr(host.ptr, '.', host.len) != NULL) {
		host.ptr += mapped.len;
		host.len -= mapped.len;
	}
	return host;
}

void
worker_proxy_accepted(struct worker_conn *c)
{
	struct worker_proxy *p = &c->w->proxy;
	struct slice peer = peer_of(c);

	if (!p->on)
		return;
	/* Who reaches a unix socket is for its permissions to say. */
	if (peer.len == 0 || hx_trust_has(&p->allowed, peer)) {
		worker_proxy_expect(c);
		return;
	}
	if (!p->stranger_told)
		log_warnx("connections from %.*s are closed: with --proxy-protocol only those of "
		    "--proxy-allow-ips are served, add it there if it is your proxy",
		    (int)peer.len, peer.ptr);
	p->stranger_told = true;
	worker_count(c->w, SHM_COUNT_refused, 1);
	worker_conn_kill(c);
}

void
worker_proxy_expect(struct worker_conn *c)
{
	c->proxy_due = true;
	/* The header's time begins with the connection, not with a first byte. */
	c->in_head = true;
	io_timers_touch(&c->w->timeouts.head, &c->timer);
}

void
worker_proxy_tell(struct worker_conn *c, const struct hx_proxy *told)
{
	c->ends = *told;
	c->x.peer.host = (struct slice){ c->ends.client, strlen(c->ends.client) };
	c->x.peer.port = c->ends.client_port;
	c->x.server_host = (struct slice){ c->ends.server, strlen(c->ends.server) };
	c->x.server_port = c->ends.server_port;
	if (c->ends.tls)
		c->x.peer.scheme = SLICE_LIT("https");
}

bool
worker_proxy_read(struct worker_conn *c)
{
	struct worker_proxy *p = &c->w->proxy;
	struct hx_proxy told;
	struct slice peer = peer_of(c);
	int used = hx_proxy_read(worker_input_at(&c->input), worker_input_left(&c->input), &told);

	must(c->state == CONN_IDLE && c->proxy_due);
	if (used < 0) {
		if (!p->malformed_told)
			log_warnx("a connection from %.*s is refused: it begins with no header of the "
			    "PROXY protocol, or a malformed one; see --proxy-protocol",
			    (int)peer.len, peer.len > 0 ? peer.ptr : "");
		p->malformed_told = true;
		worker_reply_refuse(c, HX_REFUSE_proxy_header);
	} else if (used == 0 && c->eof) {
		worker_conn_close_soon(c);
	}
	if (used <= 0)
		return false;
	worker_input_use(&c->input, (size_t)used);
	c->proxy_due = c->in_head = false;
	if (told.told)
		worker_proxy_tell(c, &told);
	return true;
}
