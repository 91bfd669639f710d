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
#include "worker/access_put.h"

static void
known_put(struct worker_access_put *l, struct slice v)
{
	if (v.len > 0)
		worker_access_put_value(l, v);
	else
		worker_access_put_unknown(l, "");
}

static struct slice
field(const struct hx_exchange *x, struct slice name)
{
	return hx_exchange_header_value(x->req.headers, x->req.n_headers, name);
}

/* The name of `Authorization: Basic`, decoded until its colon. */
static void
user_put(struct worker_access_put *l, struct slice v)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char name[64];
	unsigned bits = 0, held = 0;
	size_t n = 0;

	if (v.len < 6 || !slice_equal_lower((struct slice){ v.ptr, 6 }, SLICE_LIT("basic "))) {
		worker_access_put_unknown(l, "");
		return;
	}
	for (size_t i = 6; i < v.len && n < sizeof(name); i++) {
		const char *digit = memchr(digits, v.ptr[i], sizeof(digits) - 1);

		if (digit == NULL)
			break;
		bits = bits << 6 | (unsigned)(digit - digits);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		name[n] = (char)(bits >> held & 0xFF);
		if (name[n++] == ':') {
			n--;
			break;
		}
	}
	known_put(l, (struct slice){ name, n });
}

/* The trace's id within version 00 of `traceparent` (W3C Trace Context); empty when it is none. */
static struct slice
trace_id(struct slice v)
{
	bool zero = true;

	if (v.len < 55 || v.ptr[2] != '-' || v.ptr[35] != '-' || v.ptr[52] != '-')
		return SLICE_NULL;
	for (int i = 3; i < 35; i++) {
		if (!decimal_digit(v.ptr[i]) && (v.ptr[i] < 'a' || v.ptr[i] > 'f'))
			return SLICE_NULL;
		zero = zero && v.ptr[i] == '0';
	}
	return zero ? SLICE_NULL : (struct slice){ v.ptr + 3, 32 };
}

static void
client_put(struct worker_access_put *l, const struct hx_origin *origin)
{
	bool v6 = memchr(origin->host.ptr, ':', origin->host.len) != NULL;

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

/* The second, and `digits` digits of its fraction. */
static void
time_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    uint64_t unix_us, unsigned digits)
{
	uint64_t fraction = unix_us % 1000000;
	char text[8] = ".";

	for (int i = 6; i >= 1; i--, fraction /= 10)
		text[i] = (char)('0' + fraction % 10);
	worker_access_put_text(l, w->rfc, strlen(w->rfc));
	worker_access_put_text(l, text, 1 + digits);
	worker_access_put_text(l, "Z", 1);
}

static void
opening_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    uint64_t unix_us)
{
	time_put(l, w, unix_us, 3);
	worker_access_put_text(l, " ", 1);
	worker_access_put_number(l, w->pid);
	worker_access_put_text(l, " info [", 7);
	worker_access_put_text(l, w->process, strlen(w->process));
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

/* Atoms that are numbers. False: it is none of them. */
static bool
numeric_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    enum atom_kind kind, const struct worker_access_facts *f)
{
	switch (kind) {
	case ATOM_STATUS:
		worker_access_put_number(l, (uint64_t)f->status);
		return true;
	case ATOM_BYTES_OR_DASH:
		if (f->bytes_out == 0)
			worker_access_put_unknown(l, "0");
		else
			worker_access_put_number(l, f->bytes_out);
		return true;
	case ATOM_BYTES_OUT:
		worker_access_put_number(l, f->bytes_out);
		return true;
	case ATOM_BYTES_IN:
		worker_access_put_number(l, f->x->content.received);
		return true;
	case ATOM_SECONDS:
		worker_access_put_number(l, took_us(f) / 1000000);
		return true;
	case ATOM_MILLISECONDS:
		worker_access_put_number(l, took_us(f) / 1000);
		return true;
	case ATOM_MICROSECONDS:
		worker_access_put_number(l, took_us(f));
		return true;
	case ATOM_DECIMAL_SECONDS:
		worker_access_put_thousandths(l, took_us(f) / 1000);
		/* gunicorn's has six digits. */
		worker_access_put_text(l, (char[]){ (char)('0' + took_us(f) / 100 % 10),
		    (char)('0' + took_us(f) / 10 % 10), (char)('0' + took_us(f) % 10) }, 3);
		return true;
	case ATOM_DURATION:
		worker_access_put_thousandths(l, took_us(f));
		return true;
	case ATOM_FIRST_BYTE:
		worker_access_put_thousandths(l, first_us(f));
		return true;
	case ATOM_PID:
		worker_access_put_number(l, w->pid);
		return true;
	case ATOM_WORKER:
		worker_access_put_number(l, w->worker);
		return true;
	case ATOM_GENERATION:
		worker_access_put_number(l, w->generation);
		return true;
	default:
		return false;
	}
}

/* Atoms that are not. */
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
		v = x->req.raw_path;
		break;
	case ATOM_QUERY:
		v = x->req.query;
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
			v = field(x, SLICE_LIT("x-request-id"));
		break;
	case ATOM_TRACEPARENT:
		v = field(x, SLICE_LIT("traceparent"));
		break;
	case ATOM_TRACE_ID:
		v = trace_id(field(x, SLICE_LIT("traceparent")));
		break;
	default:	/* ATOM_DASH */
		break;
	}
	known_put(l, v);
}

/* Atoms with a form of their own. False: it is none of them. */
static bool
composed_put(struct worker_access_put *l, const struct worker_access_line_writer *w,
    enum atom_kind kind, const struct worker_access_facts *f)
{
	switch (kind) {
	case ATOM_USER:
		user_put(l, field(f->x, SLICE_LIT("authorization")));
		return true;
	case ATOM_CLF_TIME:
		worker_access_put_text(l, "[", 1);
		worker_access_put_text(l, w->clf, strlen(w->clf));
		worker_access_put_text(l, "]", 1);
		return true;
	case ATOM_TIME:
		time_put(l, w, f->unix_us, 6);
		return true;
	case ATOM_OPENING:
		opening_put(l, w, f->unix_us);
		return true;
	case ATOM_REQUEST_LINE:
		request_line_put(l, &f->x->req);
		return true;
	case ATOM_PROTOCOL:
		worker_access_put_text(l, f->x->req.h1.minor == 0 ? "HTTP/1.0" : "HTTP/1.1", 8);
		return true;
	case ATOM_CLIENT:
		client_put(l, f->origin);
		return true;
	case ATOM_PROCESS:
		worker_access_put_text(l, w->process, strlen(w->process));
		return true;
	case ATOM_PID_IN_ANGLES:
		worker_access_put_text(l, "<", 1);
		worker_access_put_number(l, w->pid);
		worker_access_put_text(l, ">", 1);
		return true;
	default:
		return false;
	}
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
	w->pid = (uint64_t)getpid();
	w->generation = generation;
	if (!decimal_read(digits, strlen(digits), &w->worker))
		w->worker = 0;
	w->second = -1;
	return 0;
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
			worker_access_put_text(&l, a->text.ptr, a->text.len);
		else if (!numeric_put(&l, w, a->kind, f) && !composed_put(&l, w, a->kind, f))
			textual_put(&l, w, a, f);
	}
	*l.at++ = '\n';
	return (size_t)(l.at - out);
}
