/*
 * middleware: what a native layer is.
 *
 * A layer stands around an application. It reads a request view and may answer the request
 * itself; else it edits the answer on the answer's way out. Each class is the twin of one
 * of Starlette's middleware classes and answers byte for byte as that does. A layer knows
 * neither who carries the request nor how. Its settings are one structure, which
 * chain.h makes from named values.
 */
#ifndef MIDDLEWARE_MIDDLEWARE_H
#define MIDDLEWARE_MIDDLEWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "http/exchange.h"
#include "middleware/answer.h"

/* What an application would be told of the request. The slices stay valid until the
 * answer is complete. */
struct mw_request {
	struct slice method;		/* as sent */
	struct slice scheme;
	struct slice root;		/* the path begins with it, decoded; may be empty */
	struct slice path;		/* what follows, decoded */
	struct slice query;		/* as sent, without '?' */
	const struct hx_header *fields;	/* names in lower case */
	size_t n_fields;
	bool server_known;		/* false: nothing below is true */
	struct slice server_host;	/* empty: a unix socket */
	int64_t server_port;
};

enum mw_verdict {
	MW_PASS,	/* the request goes on inward */
	MW_ANSWER,	/* the layer answers it */
	MW_UNSURE	/* Starlette's own classes must take it */
};

/* Does the head of an answer go on outward, or wait for the first piece of content? */
enum mw_flow {
	MW_ON,
	MW_HOLD,
	MW_FAIL		/* it cannot be edited: out of memory */
};

/* A text pattern that another room keeps. matches(): does the whole of `text` match? 1 or
 * 0; -1: it cannot be told. */
struct mw_pattern {
	int (*matches)(void *arg, struct slice text);	/* NULL: there is no pattern */
	void *arg;
};

struct mw_texts {
	const struct slice *all;
	size_t n;
};

struct mw_fields {
	const struct hx_header *all;
	size_t n;
};

/* The type of a setting. */
enum mw_kind {
	MW_FLAG,	/* bool */
	MW_NUMBER,	/* int64_t */
	MW_TEXT,	/* struct slice */
	MW_TEXTS,	/* struct mw_texts */
	MW_FIELDS,	/* struct mw_fields */
	MW_PATTERN,	/* struct mw_pattern */
	MW_KEEPER	/* struct mw_keeper, of session.h */
};

struct mw_option {
	const char *name;	/* of the attribute of Starlette's instance */
	enum mw_kind kind;
	size_t at;		/* where it stands among the settings */
};

/* `set` are a layer's settings, `state` what it keeps for one request: zeroed memory. */
struct mw_class {
	const char *name;	/* of Starlette's class */
	const struct mw_option *options;
	size_t n_options, set_bytes, state_bytes;
	/* A request comes. Without effect but on `state`: it may be called and forgotten. NULL
	 * for a class that only enters. */
	enum mw_verdict (*request)(const void *set, void *state, const struct mw_request *r);
	/* It goes on from here, and its answer comes back. The layer may show user code a
	 * session: a pointer of its keeper's. NULL for a class that needs nothing of this. */
	enum mw_verdict (*enter)(const void *set, void *state, const struct mw_request *r,
	    struct arena *arena, void **session);
	/* Give that answer: fill its head, which has no fields yet, and the content. 0; -1 when
	 * out of memory, or when only Starlette's class knows the answer. NULL for a class
	 * that never answers. */
	int (*answer)(const void *set, void *state, const struct mw_request *r,
	    struct mw_answer *a, struct slice *content);
	/* The head of an answer comes from within. NULL for a class that lets it pass as it
	 * is. */
	enum mw_flow (*head)(const void *set, void *state, struct mw_answer *a);
	/* A piece of content comes, the last one if `last`. `a` is the head that this layer
	 * holds, which goes on before the piece; NULL: none. *piece may become another; the
	 * one that came is then released. 0, or -1 when out of memory: *piece is as it came.
	 * NULL for a class that lets content pass and never holds a head. */
	int (*piece)(const void *set, void *state, struct mw_answer *a, struct hx_piece *piece,
	    bool last);
	/* Does piece() read the bytes of this answer, whose head has come? NULL: no. */
	bool (*reads)(const void *set, const void *state);
	/* Would piece() hold up the loop, as it was called now? Then work() may come before it:
	 * what piece() is for, but for its effects on anything but `state`. It may run on any
	 * thread, without the interpreter, while nobody else uses that state. piece() of the same
	 * arguments follows. A layer for which a piece of a file is heavy makes other bytes of
	 * it, and calls all pieces of that file heavy. Both are NULL for a class that is always
	 * quick. */
	bool (*heavy)(const void *set, const void *state, const struct hx_piece *piece,
	    bool last);
	void (*work)(const void *set, void *state, const struct hx_piece *piece, bool last);
	/* Is what the answer depends on beside itself (user code's session) something that this
	 * layer can write? If not, Starlette's own class must edit the answer. NULL: yes. */
	bool (*ready)(const void *set, void *state);
	/* May an answer of `len` bytes with this head, as it comes from within, be edited
	 * here, at once? If not, Starlette's own class must: it would not do so at once. Asked
	 * where no other thread can work(). NULL: any. */
	bool (*takes)(const void *set, void *state, const struct mw_answer *a, size_t len);
	/* The request is over: free what its state owns. */
	void (*end)(const void *set, void *state);
	/* Of the settings' lifetime: what the layer needs for all requests. 0, or -1 when out
	 * of memory, after which close() is called as well. */
	int (*open)(void *set);
	void (*close)(void *set);
};

/* The value of the first field of that name; `ptr` is NULL when there is none. */
static inline struct slice
mw_request_field(const struct mw_request *r, struct slice name)
{
	return hx_exchange_header_value(r->fields, r->n_fields, name);
}

#endif
