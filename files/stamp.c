/*
 * stamp: a file's time as Python has it.
 *
 * Called by mount.c and bindings/plan/file.c. Python's os.stat() gives the time as a float
 * of seconds. The entity tag is a digest of that float's repr() and the size; the date is
 * the float rounded to microseconds. Nothing here depends on the locale.
 */
#include "files/stamp.h"

#include <math.h>
#include <nettle/base16.h>
#include <nettle/md5.h>

#include "base/decimal.h"
#include "base/must.h"

enum {
	NS_PER_S = 1000000000,
	TEXT_MAX = 64	/* bytes of a time, and of a size */
};

/* From 1974 to the year 2242. The float has 20 to 25 bits behind the point there. */
static const double EARLIEST = 1 << 27, LATEST = (double)(1ULL << 33);

/* Python's repr() of a time in that range: as few digits behind the point as tell it from
 * its neighbours, and of two that are equally near the one with the even digit. Its length. */
static size_t
repr_put(char *out, double time)
{
	double whole, fraction = modf(time, &whole);
	int exponent, bits;
	uint64_t units, unit_half, ten = 1, digits = 0;
	size_t len = decimal_put(out, (uint64_t)whole), n = 0;

	frexp(whole, &exponent);
	bits = 53 - exponent;
	units = (uint64_t)ldexp(fraction, bits);
	unit_half = UINT64_C(1) << (bits - 1);
	/* What is less than half a unit away is read as this float; nothing here is exactly
	 * half a unit away. 8 digits always do, so that no product is beyond 64 bits. */
	for (;; n++, ten *= 10) {
		uint64_t scaled = units * ten, off;

		digits = (scaled + unit_half) >> bits;
		if (digits % 2 == 1 && digits << bits == scaled + unit_half)
			digits--;
		off = digits << bits > scaled ? (digits << bits) - scaled : scaled - (digits << bits);
		if (2 * off < ten || units == 0)
			break;
		must(ten < NS_PER_S);
	}
	out[len++] = '.';
	if (n == 0)
		out[len++] = '0';
	for (size_t at = len + n; at > len; digits /= 10)
		out[--at] = (char)('0' + digits % 10);
	return len + n;
}

static void
etag_put(char etag[FILES_ETAG_LEN], const char *text, size_t len)
{
	uint8_t digest[MD5_DIGEST_SIZE];
	struct md5_ctx md5;

	md5_init(&md5);
	md5_update(&md5, len, (const uint8_t *)text);
	md5_digest(&md5, sizeof(digest), digest);
	etag[0] = etag[FILES_ETAG_LEN - 1] = '"';
	base16_encode_update(etag + 1, sizeof(digest), digest);
}

bool
files_stamp_make(struct files_stamp *stamp, const struct hx_file *file)
{
	int64_t seconds = file->mtime_ns / NS_PER_S, ns = file->mtime_ns % NS_PER_S;
	double time, whole;
	char text[TEXT_MAX];
	size_t len;

	if (ns < 0)
		return false;
	time = (double)seconds + 1e-9 * (double)ns;
	if (time < EARLIEST || time >= LATEST)
		return false;
	len = repr_put(text, time);
	text[len++] = '-';
	len += decimal_put(text + len, file->size);
	etag_put(stamp->etag, text, len);
	if (modf(time, &whole) * 1e6 >= 999999.5)
		whole += 1;
	hx_date_write(stamp->modified, (int64_t)whole);
	return true;
}
