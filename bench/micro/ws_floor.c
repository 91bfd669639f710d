/*
 * ws_floor: libwebsockets with an echo and a room, the floor of bench/websocket.py.
 *
 *	ws_floor PORT
 *
 * /room gives each message to all who are connected there, any other path gives it back. A connection whose
 * client has not taken the message before is not asked for another: ws_load.c never does that.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

enum { MESSAGE_MOST = 1 << 17, MEMBERS_MOST = 4096 };

struct session {
	char *message;		/* LWS_PRE bytes of room, and the message; NULL: none */
	size_t len, room;
	bool due;
};

static struct lws *members[MEMBERS_MOST];
static size_t n_members;

static void
append(struct session *s, const void *bytes, size_t len)
{
	if (s->len + len > s->room) {
		s->room = 2 * (s->len + len);
		s->message = realloc(s->message, LWS_PRE + s->room);
		if (s->message == NULL)
			abort();
	}
	memcpy(s->message + LWS_PRE + s->len, bytes, len);
	s->len += len;
}

static void
member_join(struct lws *wsi)
{
	char path[32];

	if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) > 0 && strcmp(path, "/room") == 0 &&
	    n_members < MEMBERS_MOST)
		members[n_members++] = wsi;
}

static void
member_leave(const struct lws *wsi)
{
	for (size_t i = 0; i < n_members; i++)
		if (members[i] == wsi) {
			members[i] = members[--n_members];
			return;
		}
}

/* A whole message has come from it. */
static void
message_give(struct lws *wsi, struct session *s)
{
	bool in_room = false;

	for (size_t i = 0; i < n_members; i++)
		in_room = in_room || members[i] == wsi;
	for (size_t i = 0; in_room && i < n_members; i++) {
		struct session *other = lws_wsi_user(members[i]);

		if (other != s) {
			other->len = 0;
			append(other, s->message + LWS_PRE, s->len);
		}
		other->due = true;
		lws_callback_on_writable(members[i]);
	}
	if (!in_room) {
		s->due = true;
		lws_callback_on_writable(wsi);
	}
}

static int
message_send(struct lws *wsi, struct session *s)
{
	size_t len = s->len;

	if (!s->due)
		return 0;
	s->due = false;
	s->len = 0;
	return lws_write(wsi, (unsigned char *)s->message + LWS_PRE, len, LWS_WRITE_TEXT) < (int)len ? -1 : 0;
}

static int
handle(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct session *s = user;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		member_join(wsi);
		break;
	case LWS_CALLBACK_RECEIVE:
		append(s, in, len);
		if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0)
			message_give(wsi, s);
		break;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return message_send(wsi, s);
	case LWS_CALLBACK_CLOSED:
		member_leave(wsi);
		free(s->message);
		break;
	default:
		break;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = {
		{ .name = "echo", .callback = handle, .per_session_data_size = sizeof(struct session),
		    .rx_buffer_size = MESSAGE_MOST },
		{ .name = NULL },
	};
	struct lws_context_creation_info info = {
		.port = argc > 1 ? atoi(argv[1]) : 0, .iface = "127.0.0.1", .protocols = protocols,
		.pt_serv_buf_size = MESSAGE_MOST,
	};
	struct lws_context *context;

	if (argc != 2) {
		fprintf(stderr, "usage: ws_floor PORT\n");
		return 2;
	}
	lws_set_log_level(LLL_ERR, NULL);
	context = lws_create_context(&info);
	if (context == NULL)
		return 1;
	while (lws_service(context, 0) >= 0)
		continue;
	lws_context_destroy(context);
	return 0;
}
