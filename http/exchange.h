/*
 * exchange: one request and its answer, whatever carried them.
 *
 * The structure that every room above http shares. It has what RFC 9110 defines for
 * all versions of HTTP (method, target, fields, content, status) and knows neither
 * sockets nor Python. What only HTTP/1 has stands apart, in req.h1, so that another
 * version can fill the rest. Upward calls go through one table of callbacks that the
 * owner of the connection sets; downward, rooms call each other's functions.
 *
 * Memory: every slice points into bytes that stay until the exchange is reset: the
 * connection's input buffer, the exchange's arena or its content buffer. That buffer may be
 * lent by the application's side, which then gets large content without a copy.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/conf.h"
#include "base/slice.h"
#include "http/closing.h"

enum {
	HX_MAX_HEADERS = CONF_HIGH_limit_fields,	/* field lines in one request head */
	HX_MAX_PARAMS = 16,	/* path parameters in one route */
};

#define HX_NO_ROUTE UINT32_MAX

/* A method by its number in shm/method.h, which is below 64: a set of methods is one mask
 * of 1 << method. Those without a number of their own share one; method_name tells them
 * apart. */
typedef uint8_t hx_method;

struct hx_header {
	struct slice name;	/* lower case */
	struct slice value;	/* without surrounding blanks */
};

/* The value of the first of `n` fields that has this name; `ptr` is NULL when none has. */
struct slice hx_exchange_header_value(const struct hx_header *fields, size_t n,
    struct slice name);

/* Fields that the server itself asks for. The parser notes where they are. */
enum hx_known {
	HX_HOST,
	HX_CONTENT_LENGTH,
	HX_TRANSFER_ENCODING,
	HX_CONNECTION,
	HX_EXPECT,
	HX_UPGRADE,
	HX_X_FORWARDED_FOR,
	HX_X_FORWARDED_PROTO,
	HX_KNOWN_COUNT
};

struct hx_request {
	hx_method method;
	bool expect_continue;		/* Expect: 100-continue, from HTTP/1.1 on */
	struct slice method_name;
	struct slice target;		/* request-target as sent */
	struct slice raw_path;		/* path of the target, still percent-encoded */
	struct slice path;		/* percent-decoded, always valid UTF-8 */
	struct slice query;		/* without '?', as sent; empty when absent */
	uint64_t content_length;	/* 0 when absent */
	unsigned n_headers;
	unsigned headers_room;		/* of `headers` */
	struct hx_header *headers;	/* in the arena; NULL while headers_room is 0 */
	int16_t first[HX_KNOWN_COUNT];	/* index of the first occurrence, -1: none */
	uint16_t count[HX_KNOWN_COUNT];	/* occurrences */
	/* Of the connection, not of the request. The rooms that parse and frame HTTP/1
	 * use it; the ASGI scope names the version. */
	struct {
		uint8_t minor;		/* HTTP/1.minor: 0, or 1 for all others */
		bool keep_alive;	/* another request may follow */
		bool chunked;		/* Transfer-Encoding: chunked */
		/* How far the head is read (parse.c). */
		bool has_line;		/* the request line is */
		const char *head;	/* where the bytes are; NULL: not begun */
		size_t read;		/* bytes in complete lines that were read */
	} h1;
};

/* `first` has an index, `count` a number, for every field there may be. */
_Static_assert(HX_MAX_HEADERS <= INT16_MAX, "struct hx_request: first[] is too narrow");

/* The part of the request's content that has arrived and that nobody took yet. */
struct hx_content {
	const char *data;
	size_t len;
	size_t cap;			/* of the buffer that `data` is; 0: borrowed */
	bool lent;			/* the buffer is the lender's, else of the heap */
	void *lender;			/* to be given back; NULL: none */
	void (*give_back)(void *lender);	/* interpreter held */
	uint64_t received;		/* bytes of content that arrived, taken or not */
	bool complete;			/* the last byte has arrived */
	bool aborted;			/* it will not arrive whole, or no answer can be sent */
	bool peer_closed;		/* the client sends no more, but may still read */
};

enum hx_state {
	HX_IDLE,			/* no request in hand */
	HX_RUNNING,			/* a request is in hand, not answered yet */
	HX_HEAD_SENT,			/* answer begun */
	HX_DONE,			/* answer complete */
	HX_FAILED			/* answer begun and cannot be completed */
};

/* What the head of an answer says about the content that follows. */
struct hx_promise {
	bool content;			/* not for HEAD, 1xx, 204, 304: RFC 9110 section 6.4.1 */
	bool chunked;
	bool has_length;
	uint64_t left;			/* bytes of the length that body() was not given yet */
	bool keep_alive;		/* the connection lives on after the answer */
};

struct hx_exchange;

/* An open file. Whoever hands out pieces of it keeps it open until the last is released. */
struct hx_file {
	int fd;
	/* As it was when it was opened. */
	uint64_t device, inode, size;
	int64_t mtime_ns, ctime_ns;
};

/* A piece of an answer's content. release(arg) is called exactly once when the bytes are
 * no longer needed, perhaps at once, on the loop's thread with the interpreter held.
 * `release` NULL: the bytes are copied.
 * A piece of a file has a `release`, which may be called without the interpreter. The file may
 * be shorter by the time it is read: the answer then cannot be completed. */
struct hx_piece {
	struct slice bytes;		/* of a piece of a file: ptr is NULL, and len its length */
	void (*release)(void *arg);
	void *arg;
	const struct hx_file *file;	/* the bytes stand there from `at` on; NULL: in memory */
	uint64_t at;
};

/* A piece of a file up to this length is read when it is handed over, a longer one when it
 * is sent. */
enum { HX_FILE_AT_ONCE = 32 * 1024 };

/* Release a piece that goes no further. */
static inline void
hx_exchange_piece_drop(struct hx_piece piece)
{
	if (piece.release != NULL)
		piece.release(piece.arg);
}

/* Read what a piece of a file says into its bytes.len bytes of room. The number of bytes,
 * fewer when the file ends before; -1 with errno set. May wait for the disk. */
ssize_t hx_exchange_piece_read(struct hx_piece piece, char *room) MUST_CHECK;

/* What the application's side, which does not know the connection, asks of its owner. */
struct hx_calls {
	/* A whole answer: status, fields in their order, content. A content-length
	 * must be among the fields when the answer is to have one. 0, or -1 when
	 * the peer is gone, which is no error of the caller's. The piece is
	 * released in any case. */
	int (*answer)(struct hx_exchange *x, int status,
	    const struct hx_header *fields, size_t n_fields,
	    struct hx_piece content);
	/* The same in steps. head() sets x->status and x->promise; body() counts the
	 * promise down, and ends the answer when `last`. */
	int (*head)(struct hx_exchange *x, int status,
	    const struct hx_header *fields, size_t n_fields);
	int (*body)(struct hx_exchange *x, struct hx_piece piece, bool last);
	/* True: so much waits to be sent that a producer should pause until the
	 * owner says that there is room. */
	bool (*full)(struct hx_exchange *x);
	/* True: something still waits to be sent. The owner says that there is room when nothing
	 * does any more. */
	bool (*unsent)(struct hx_exchange *x);
	/* The application waits for content of the request: send 100 Continue if
	 * the client expects it, and read on. */
	void (*want_read)(struct hx_exchange *x);
	/* The application failed and will not go on with its answer. Before the
	 * head a plain 500 is sent, after it the connection is cut. */
	void (*abort)(struct hx_exchange *x);
	/* The application's side uses the exchange no longer. The exchange may be reset,
	 * and the connection's next request begun, before this returns. */
	void (*released)(struct hx_exchange *x);
};

/* A message for many WebSockets: what is made of it for one serves the others, too. Zeroed at first, but for
 * the message. */
struct hx_broadcast {
	enum hx_opcode opcode;
	struct slice payload;		/* stays until the end */
	void *made;			/* only who made it looks */
	void (*end)(void *made);	/* to be called in the end; NULL: nothing was made */
};

/* The same for a WebSocket, into which a request turns that is its handshake. */
struct hx_websocket_calls {
	/* Answer 101 with these fields. The exchange carries messages afterwards, until it is
	 * released, and nothing is left of its request: no slice may be used any more. 0, or -1 when
	 * the peer is gone. */
	int (*accept)(struct hx_exchange *x, const struct hx_header *fields, size_t n_fields);
	/* Send a whole message. 0, or -1 when the peer is gone. The piece is released in any case. */
	int (*send)(struct hx_exchange *x, enum hx_opcode opcode, struct hx_piece piece);
	/* Send it as one of many that get the same message. 0, or -1 when the peer is gone. */
	int (*share)(struct hx_exchange *x, struct hx_broadcast *b);
	/* Send a Close frame, and wait a while for the client's. Nothing that it still sends is
	 * handed over. */
	void (*close)(struct hx_exchange *x, const struct hx_closing *closing);
};

/* Who asks, and how. */
struct hx_origin {
	struct slice host;		/* numeric, but a proxy may say anything; empty: unknown */
	int64_t port;
	struct slice scheme;		/* "http" */
};

struct hx_exchange {
	struct hx_request req;
	struct hx_content content;
	enum hx_state state;
	bool is_head;			/* HEAD: no content is sent */
	bool handshake;			/* it asks for a WebSocket, which is served */
	int status;			/* of the answer once its head was sent, 0 before */
	struct hx_promise promise;	/* of the head that was sent */
	bool cut;			/* a file became shorter while it was sent: the peer is gone */
	const struct hx_calls *calls;
	const struct hx_websocket_calls *websocket;
	void *owner;			/* the connection; only `calls` look at it */
	/* What the application's side keeps with the exchange. This room never looks. */
	struct {
		void *run;		/* of a compiled plan, or NULL */
		void *asgi;		/* the request inside the ASGI application, or NULL */
		void *websocket;	/* the same for a WebSocket, or NULL */
		void *local;		/* what is kept for the event loop */
		void *observer;		/* the report to a test client, or NULL */
		void *layers;		/* a chain in front of `calls`, or NULL */
		void *edge;		/* another, around that one */
	} upper;
	struct hx_origin peer;		/* of the connection */
	struct hx_origin origin;	/* of the request in hand, see http/forwarded.h */
	struct slice request_id;	/* a name for it that is one of its own; empty: it has none */
	struct slice server_host;	/* numeric; empty on a unix socket */
	uint16_t server_port;
	struct slice root_path;		/* where a proxy mounted us; decoded, may be empty */
	bool root_in_path;		/* the target already begins with root_path */
	/* Route match, filled by shm_route_match(). */
	uint32_t route;			/* HX_NO_ROUTE: none */
	uint32_t route_epoch;		/* which table `route` is an index of */
	unsigned n_params;
	struct slice *params;		/* in the template's order, into req.path; room for HX_MAX_PARAMS in
					 * the arena, from an accepted head on */
	struct arena arena;
};

/* Prepare `x` for its first request. `calls` and `owner` are borrowed. Allocates
 * nothing. Its arena may be initialised again with a pool. */
void hx_exchange_init(struct hx_exchange *x, const struct hx_calls *calls, void *owner);

/* Forget the request in hand: its memory given back, state HX_IDLE. The
 * connection's facts (owner, client, scheme) stay. */
void hx_exchange_reset(struct hx_exchange *x);

/* Forget a head, of which a part may have been read. The room for its fields stays. */
void hx_exchange_request_clear(struct hx_request *req);

/* A copy, in `arena`, of what the exchange says about its request and where that came from:
 * for reading, when the exchange has gone on. It has no content, no owner, no calls and no layers.
 * NULL when out of memory. */
struct hx_exchange *hx_exchange_keep(const struct hx_exchange *x, struct arena *arena)
    MUST_CHECK;

/* Free all that the exchange owns. */
void hx_exchange_fini(struct hx_exchange *x);

/* Make room for one more field at least, in the arena: headers[n_headers] may be written
 * afterwards. 0, or -1 when out of memory. */
int hx_exchange_headers_grow(struct hx_exchange *x) MUST_CHECK;

/* The value of the first such field; `ptr` is NULL when there is none. */
struct slice hx_exchange_known(const struct hx_exchange *x, enum hx_known which);

/* Is `word`, in lower case, a member of any such field, whose members commas separate? */
bool hx_exchange_has_token(const struct hx_exchange *x, enum hx_known which,
    struct slice word);

/* `len` bytes of content follow the head that was sent, the last ones if `last`: is that what it
 * has announced? 204 and 304 have no content. */
enum hx_length { HX_LENGTH_FITS, HX_LENGTH_LONGER, HX_LENGTH_SHORTER };

enum hx_length hx_exchange_length(const struct hx_exchange *x, size_t len, bool last);

/* Append to the content. Bytes that stand in its buffer already, next to the others, stay
 * there. The content is copied into a buffer of the heap if it was borrowed, or if what was
 * lent is too small. 0, or -1 when out of memory. */
int hx_exchange_content_append(struct hx_exchange *x, struct slice bytes) MUST_CHECK;

/* [gil] Move the content into a buffer of `cap` bytes that stays until give_back(lender) is
 * called: when another is lent, when the exchange is reset, or by whoever takes it. */
void hx_exchange_content_lend(struct hx_exchange *x, char *buffer, size_t cap, void *lender,
    void (*give_back)(void *lender));

#endif
