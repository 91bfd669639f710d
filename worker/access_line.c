/*
 * access_line: atoms to bytes.
 *
 * Called by access.c. It runs once a request: no allocation, no printf() where a number or a
 * copy does.
 */
#include "worker/access_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/must.h"
#include "http/status.h"
#include "worker/access_fields.h"
#include "worker/access_put.h"

enum {
	RFC_BYTES = 19, CLF_BYTES = 26,	/* of the times */
	BLOCK = WORKER_ACCESS_BLOCK
};

static void
known_put(struct worker_access_put *l, struct slice v)
{
	if (v.len > 0)
		worker_access_put_value(l, v);
	else
		worker_access_put_unknown(l, "");
}

/* The path of a request, or its query. Of one that was refused the target may have been read and not
 * looked at. */
static struct slice
path_of(const struct hx_request *req, bool query)
{
	const char *mark;
	size_t len;

	if (req->raw_path.len > 0 || req->target.len == 0)
		return query ? req->query : req->raw_path;
	mark = memchr(req->target.ptr, '?', req->target.len);
	len = mark != NULL ? (size_t)(mark - req->target.ptr) : req->target.len;
	if (!query)
		return (struct slice){ req->target.ptr, len };
	return mark != NULL ? (struct slice){ mark + 1, req->target.len - len - 1 } : SLICE_NULL;
}

static struct slice
field(const struct hx_exchange *x, struct slice name)
{
	return hx_exchange_header_value(x->req.headers, x->req.n_headers, name);
}

static void
client_put(struct worker_access_put *l, const struct hx_origin *origin)
{
	bool v6 = origin->host.len > 0 && memchr(origin->host.ptr, ':', origin->host.len) != NULL;

	if (origin->host.len == 0) {
		worker_access_put_unknown(l, "");
		return;
	}
	if (v6)
		worker_access_put_text(l, "[", 1);
	worker_access_put_value(l, origin->host);
	worker_access_put_text(l, v6 ? "]:" : ":", v6 ? 2 : 1);
	worker_access_put_number(l, origin->port > 0 ? (uint64_t)origin->port : 0);
}

static void
request_line_put(struct worker_access_put *l, const struct hx_request *req)
{
	if (req->method_name.len == 0 || req->target.len == 0) {
		worker_access_put_unknown(l, "");
		return;
	}
	worker_access_put_value(l, req->method_name);
	worker_access_put_text(l, " ", 1);
	worker_access_put_value(l, req->target);
	worker_access_put_text(l, req->h1.minor == 0 ? " HTTP/1.0" : " HTTP/1.1", 9);
}

static void
second_set(struct worker_access_line_writer *w, int64_t second)
{
	time_t time = (time_t)second;
	struct tm tm;

	if (w->second == second)
		return;
	w->second = second;
	gmtime_r(&time, &tm);
	strftime(w->rfc, sizeof(w->rfc), "%Y-%m-%dT%H:%M:%S", &tm);
	/* Names of months as the C locale has them, whatever the application has set. */
	snprintf(w->clf, sizeof(w->clf), "%02u/%.3s/%04u:%02u:%02u:%02u +0000",
	    (unsigned)tm.tm_mday % 100, "JanFebMarAprMayJunJulAugSepOctNovDec" + 3 * tm.tm_mon,
	    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
	    (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* The second, and `digits` digits of the `fraction` of it. */
static void
time_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    uint64_t fraction, size_t digits)
{
	must((size_t)(l->end - l->at) >= RFC_BYTES + digits + 2);
	memcpy(l->at, w->rfc, RFC_BYTES);
	l->at[RFC_BYTES] = '.';
	decimal_put_padded(l->at + RFC_BYTES + 1, fraction, digits);
	l->at[RFC_BYTES + 1 + digits] = 'Z';
	l->at += RFC_BYTES + digits + 2;
}

static void
opening_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    uint64_t unix_us)
{
	time_put(l, w, unix_us / 1000, 3);
	worker_access_put_text(l, " ", 1);
	worker_access_put_number(l, w->pid);
	worker_access_put_text(l, " info [", 7);
	worker_access_put_text(l, w->process, w->process_len);
	worker_access_put_text(l, "] ", 2);
}

static uint64_t
took_us(const struct worker_access_facts *f)
{
	return f->ended_ns > f->begun_ns ? (f->ended_ns - f->begun_ns) / 1000 : 0;
}

static uint64_t
first_us(const struct worker_access_facts *f)
{
	return f->first_ns > f->begun_ns ? (f->first_ns - f->begun_ns) / 1000 : 0;
}

/* Atoms that are numbers. */
static void
numeric_put(struct worker_access_put *l, enum atom_kind kind, const struct worker_access_facts *f)
{
	switch (kind) {
	case ATOM_STATUS:
		worker_access_put_number(l, (uint64_t)f->status);
		break;
	case ATOM_BYTES_OR_DASH:
		if (f->bytes_out == 0)
			worker_access_put_unknown(l, "0");
		else
			worker_access_put_number(l, f->bytes_out);
		break;
	case ATOM_BYTES_OUT:
		worker_access_put_number(l, f->bytes_out);
		break;
	case ATOM_BYTES_IN:
		worker_access_put_number(l, f->x->content.received);
		break;
	case ATOM_SECONDS:
		worker_access_put_number(l, took_us(f) / 1000000);
		break;
	case ATOM_MILLISECONDS:
		worker_access_put_number(l, took_us(f) / 1000);
		break;
	case ATOM_MICROSECONDS:
		worker_access_put_number(l, took_us(f));
		break;
	case ATOM_DECIMAL_SECONDS:
		worker_access_put_decimal(l, took_us(f) / 1000000, took_us(f), 6);
		break;
	case ATOM_DURATION:
		worker_access_put_decimal(l, took_us(f) / 1000, took_us(f), 3);
		break;
	case ATOM_FIRST_BYTE:
		worker_access_put_decimal(l, first_us(f) / 1000, first_us(f), 3);
		break;
	default:
		must(false);
	}
}

/* Atoms that are values. */
static void
textual_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    const struct atom *a, const struct worker_access_facts *f)
{
	const struct hx_exchange *x = f->x;
	struct slice v = SLICE_NULL;

	switch (a->kind) {
	case ATOM_REQUEST_FIELD:
		v = field(x, a->text);
		break;
	case ATOM_ANSWER_FIELD:
		v = f->fields != NULL ? f->fields[a->field] : SLICE_NULL;
		break;
	case ATOM_HOST:
		v = f->origin->host;
		break;
	case ATOM_METHOD:
		v = x->req.method_name;
		break;
	case ATOM_PATH:
		v = path_of(&x->req, false);
		break;
	case ATOM_QUERY:
		v = path_of(&x->req, true);
		break;
	case ATOM_REFERER:
		v = field(x, SLICE_LIT("referer"));
		break;
	case ATOM_USER_AGENT:
		v = field(x, SLICE_LIT("user-agent"));
		break;
	case ATOM_SCHEME:
		v = f->origin->scheme;
		break;
	case ATOM_PHRASE:
		v = hx_status_phrase(f->status);
		break;
	case ATOM_ROUTE:
		v = f->route;
		break;
	case ATOM_REQUEST_ID:
		v = f->fields != NULL ? f->fields[w->atoms.n_fields] : SLICE_NULL;
		if (v.len == 0)
			v = x->request_id.len > 0 ? x->request_id : field(x, SLICE_LIT("x-request-id"));
		break;
	case ATOM_TRACEPARENT:
		v = field(x, SLICE_LIT("traceparent"));
		break;
	case ATOM_TRACE_ID:
		v = worker_access_fields_trace(field(x, SLICE_LIT("traceparent")));
		break;
	default:
		must(false);
	}
	known_put(l, v);
}

/* Atoms with a form of their own. */
static void
composed_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    enum atom_kind kind, const struct worker_access_facts *f)
{
	char name[WORKER_ACCESS_FIELDS_USER];
	struct slice v;

	switch (kind) {
	case ATOM_USER:
		v = worker_access_fields_user(field(f->x, SLICE_LIT("authorization")), name);
		known_put(l, v);
		break;
	case ATOM_CLF_TIME:
		worker_access_put_text(l, "[", 1);
		worker_access_put_text(l, w->clf, CLF_BYTES);
		worker_access_put_text(l, "]", 1);
		break;
	case ATOM_TIME:
		time_put(l, w, f->unix_us, 6);
		break;
	case ATOM_OPENING:
		opening_put(l, w, f->unix_us);
		break;
	case ATOM_REQUEST_LINE:
		request_line_put(l, &f->x->req);
		break;
	case ATOM_PROTOCOL:
		worker_access_put_text(l, f->x->req.h1.minor == 0 ? "HTTP/1.0" : "HTTP/1.1", 8);
		break;
	case ATOM_CLIENT:
		client_put(l, f->origin);
		break;
	default:
		must(false);
	}
}

/* The text of an atom that is the same in every line. */
static size_t
constant_print(const struct worker_access_line_writer *w, enum atom_kind kind, char *out,
    size_t room)
{
	switch (kind) {
	case ATOM_PID:
		return (size_t)snprintf(out, room, "%ld", (long)getpid());
	case ATOM_PID_IN_ANGLES:
		return (size_t)snprintf(out, room, "<%ld>", (long)getpid());
	case ATOM_PROCESS:
		return (size_t)snprintf(out, room, "%s", w->process);
	case ATOM_WORKER:
		return (size_t)snprintf(out, room, "%llu", (unsigned long long)w->worker);
	case ATOM_GENERATION:
		return (size_t)snprintf(out, room, "%u", w->generation);
	default:
		must(kind == ATOM_DASH);
		return (size_t)snprintf(out, room, w->atoms.json ? "" : "-");
	}
}

/* Make texts of the atoms that are the same in every line, and one text of those that stand
 * next to each other. */
static void
atoms_fold(struct worker_access_line_writer *w)
{
	struct atoms *a = &w->atoms;
	unsigned n = 0;
	size_t used = 0;

	a->room = 0;
	for (unsigned i = 0; i < a->n; i++) {
		struct atom atom = a->at[i];
		char *to = w->texts + used;

		if (atom.kind > ATOM_GENERATION) {
			a->room += atom.room;
			a->at[n++] = atom;
			continue;
		}
		if (atom.kind == ATOM_TEXT)
			memcpy(to, atom.text.ptr, atom.text.len);
		else
			atom.text.len = constant_print(w, atom.kind, to, sizeof(w->texts) - used);
		used += atom.text.len;
		a->room += atom.text.len;
		if (n > 0 && a->at[n - 1].kind == ATOM_TEXT) {
			a->at[n - 1].text.len += atom.text.len;
			a->at[n - 1].room += atom.text.len;
			continue;
		}
		a->at[n++] = (struct atom){ .kind = ATOM_TEXT, .text = { to, atom.text.len },
			.room = atom.text.len };
	}
	a->n = n;
}

int
worker_access_line_init(struct worker_access_line_writer *w, const char *format,
    const char *process, unsigned generation, char why[ATOMS_WHY_BYTES])
{
	const char *digits = process + strcspn(process, "0123456789");

	if (atoms_read(&w->atoms, format, why) < 0)
		return -1;
	must(w->atoms.room < WORKER_ACCESS_LINE);
	snprintf(w->process, sizeof(w->process), "%s", process);
	w->process_len = strlen(w->process);
	w->pid = (uint64_t)getpid();
	w->generation = generation;
	if (!decimal_read(digits, strlen(digits), &w->worker))
		w->worker = 0;
	atoms_fold(w);
	w->second = -1;
	return 0;
}

/* A text of the format, sixteen bytes at a time where there is room for more than it has: most
 * are short, and behind each there are others. */
static void
format_put(struct worker_access_put *l, struct slice text)
{
	if ((size_t)(l->end - l->at) < text.len + BLOCK) {
		worker_access_put_text(l, text.ptr, text.len);
		return;
	}
	for (size_t i = 0; i < text.len; i += BLOCK)
		memcpy(l->at + i, text.ptr + i, BLOCK);
	l->at += text.len;
}

size_t
worker_access_line(struct worker_access_line_writer *w, const struct worker_access_facts *f,
    char *out)
{
	struct worker_access_put l = { out, out + WORKER_ACCESS_LINE - 1, w->atoms.room, w->atoms.json };

	second_set(w, (int64_t)(f->unix_us / 1000000));
	for (unsigned i = 0; i < w->atoms.n; i++) {
		const struct atom *a = &w->atoms.at[i];

		l.kept -= a->room;
		if (a->kind == ATOM_TEXT)
			format_put(&l, a->text);
		else if (a->kind <= ATOM_FIRST_BYTE)
			numeric_put(&l, a->kind, f);
		else if (a->kind <= ATOM_CLIENT)
			composed_put(&l, w, a->kind, f);
		else
			textual_put(&l, w, a, f);
	}
	*l.at++ = '\n';
	return (size_t)(l.at - out);
}
