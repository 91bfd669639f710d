/*
 * rule: read a line, compare a path with its template.
 *
 * Called by conf.c (the check of a setting) and room worker (rules and requests). A path may be
 * anyone's: to compare it takes no longer than its length times the template's.
 */
#include "base/rule.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

static const struct slice rest_of_path = SLICE_LIT(":path}");

/* What a line may say, and the setting that is read likewise. */
static const struct {
	const char *name;
	enum conf_key like;
	size_t member;
} keys[] = {
	{ "limit_body", CONF_limit_body, offsetof(struct rule, limit_body) },
	{ "limit_concurrency", CONF_limit_concurrency, offsetof(struct rule, limit_concurrency) },
	{ "timeout", CONF_timeout_content, offsetof(struct rule, timeout_s) },
	{ "timeout_content", CONF_timeout_content, offsetof(struct rule, timeout_content_s) },
};

/* The word at the beginning of *line, which loses it and the blanks behind it. */
static struct slice
word_take(struct slice *line)
{
	struct slice word = { line->ptr, 0 };
	size_t used;

	while (word.len < line->len && word.ptr[word.len] != ' ')
		word.len++;
	used = word.len;
	while (used < line->len && word.ptr[used] == ' ')
		used++;
	*line = (struct slice){ line->ptr + used, line->len - used };
	return word;
}

/* Bytes before the next slash or the end. */
static size_t
segment_len(const char *at, const char *end)
{
	const char *slash = memchr(at, '/', (size_t)(end - at));

	return (size_t)((slash != NULL ? slash : end) - at);
}

/* Does what begins at `t`, the last segment, take all that is left of a path? *literal is how many
 * bytes of it stand before that as they are. */
static bool
takes_rest(const char *t, const char *end, size_t *literal)
{
	size_t len = (size_t)(end - t);
	const char *brace = memchr(t, '{', len);

	*literal = 0;
	if (len == 1 && *t == '*')
		return true;
	if (brace == NULL || len <= rest_of_path.len || memchr(t, '/', len) != NULL ||
	    memcmp(end - rest_of_path.len, rest_of_path.ptr, rest_of_path.len) != 0)
		return false;
	*literal = (size_t)(brace - t);
	return true;
}

/* Is a segment of a template one that segment_matches() can compare, or, the last one, one that
 * takes_rest()? */
static bool
segment_good(const char *t, size_t len, bool last)
{
	unsigned braces = 0;
	bool open = false;
	size_t literal;

	for (size_t i = 0; i < len; i++) {
		if (t[i] == (open ? '{' : '}') || (t[i] == '*' && (len > 1 || !last)))
			return false;
		if (t[i] == '{' || t[i] == '}') {
			open = t[i] == '{';
			braces += open;
		}
	}
	if (open)
		return false;
	return memmem(t, len, rest_of_path.ptr, rest_of_path.len) == NULL ||
	    (last && braces == 1 && takes_rest(t, t + len, &literal));
}

static bool
template_good(struct slice path)
{
	const char *t = path.ptr, *end = t + path.len;

	while (t < end) {
		size_t len;

		if (*t++ != '/')
			return false;
		len = segment_len(t, end);
		if (!segment_good(t, len, t + len == end))
			return false;
		t += len;
	}
	return path.len > 0;
}

/* 0; -1 with `why`: no request has such a method. */
static int
methods_check(struct slice methods, char why[CONF_WHY_BYTES])
{
	bool good = methods.len > 0 && methods.ptr[methods.len - 1] != ',';

	for (size_t i = 0; good && i < methods.len; i++)
		good = methods.ptr[i] == ',' ? i > 0 && methods.ptr[i - 1] != ',' :
		    strchr("-_ABCDEFGHIJKLMNOPQRSTUVWXYZ", methods.ptr[i]) != NULL;
	if (good)
		return 0;
	snprintf(why, CONF_WHY_BYTES, "methods=%.*s: want them in capitals with commas between them, as in "
	    "methods=POST,PUT", (int)(methods.len < 60 ? methods.len : 60), methods.ptr);
	return -1;
}

/* One KEY=VALUE. */
static int
key_read(struct slice word, struct rule *out, char why[CONF_WHY_BYTES])
{
	const char *sign = memchr(word.ptr, '=', word.len);
	size_t name = sign != NULL ? (size_t)(sign - word.ptr) : word.len;
	struct slice value = { word.ptr + name + 1, sign != NULL ? word.len - name - 1 : 0 };
	char text[CONF_NAME_BYTES], want[CONF_WHY_BYTES];
	struct conf one;

	if (sign != NULL && slice_equal((struct slice){ word.ptr, name }, SLICE_LIT("methods"))) {
		out->methods = value;
		return methods_check(value, why);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (sign == NULL || strlen(keys[i].name) != name ||
		    memcmp(keys[i].name, word.ptr, name) != 0)
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)value.len, value.ptr);
		if (value.len < sizeof(text) && conf_set(&one, &conf_rows[keys[i].like], text, want) == 0) {
			*(int64_t *)(void *)((char *)out + keys[i].member) =
			    conf_number(&one, &conf_rows[keys[i].like]);
			return 0;
		}
		snprintf(why, CONF_WHY_BYTES, "%s=%s: %.150s", keys[i].name, text,
		    value.len < sizeof(text) ? want : "want a number");
		return -1;
	}
	snprintf(why, CONF_WHY_BYTES, "unknown key %.*s; want methods, limit_body, limit_concurrency, "
	    "timeout or timeout_content, as in limit_body=10M", (int)(name < 60 ? name : 60), word.ptr);
	return -1;
}

int
rule_read(const char **text, struct rule *out, char why[CONF_WHY_BYTES])
{
	struct slice line = { *text, strcspn(*text, "\n") };

	*text += line.len + ((*text)[line.len] == '\n');
	*out = (struct rule){ .limit_body = -1, .limit_concurrency = -1, .timeout_content_s = -1,
	    .timeout_s = -1 };
	out->path = word_take(&line);
	if (!template_good(out->path)) {
		snprintf(why, CONF_WHY_BYTES, "want a path as the application declares it, "
		    "/items/{id} or /files/{name:path}, or /items/* for all below it");
		return -1;
	}
	if (line.len == 0) {
		snprintf(why, CONF_WHY_BYTES, "want what is to hold for it, as in limit_body=10M");
		return -1;
	}
	while (line.len > 0)
		if (key_read(word_take(&line), out, why) < 0)
			return -1;
	return 0;
}

int
rule_check(const char *text, char why[CONF_WHY_BYTES])
{
	struct rule r;

	for (int n = 0; *text != '\0'; n++) {
		if (n == RULES_MAX) {
			snprintf(why, CONF_WHY_BYTES, "want at most %d rules", RULES_MAX);
			return -1;
		}
		if (rule_read(&text, &r, why) < 0)
			return -1;
	}
	return 0;
}

/* Compare one segment: a parameter takes one byte at least. What the last one took is tried anew
 * where the rest does not match, with one byte more. */
static bool
segment_matches(const char *t, size_t t_len, const char *p, size_t p_len)
{
	size_t at = 0, here = 0, behind = 0, taken = 0;

	while (here < p_len) {
		if (at < t_len && t[at] == '{') {
			behind = at = (size_t)((const char *)memchr(t + at, '}', t_len - at) - t) + 1;
			taken = ++here;
		} else if (at < t_len && t[at] == p[here]) {
			at++;
			here++;
		} else if (behind == 0) {
			return false;
		} else {
			at = behind;
			here = ++taken;
		}
	}
	return at == t_len;
}

static bool
method_listed(struct slice methods, struct slice method)
{
	while (methods.len > 0) {
		const char *comma = memchr(methods.ptr, ',', methods.len);
		size_t len = comma != NULL ? (size_t)(comma - methods.ptr) : methods.len;

		if (slice_equal((struct slice){ methods.ptr, len }, method))
			return true;
		len += comma != NULL;
		methods = (struct slice){ methods.ptr + len, methods.len - len };
	}
	return false;
}

static bool
path_matches(struct slice template, struct slice path)
{
	const char *t = template.ptr, *t_end = t + template.len, *p = path.ptr, *p_end = p + path.len;

	while (p < p_end && *p == '/') {
		size_t t_len, p_len, literal;

		must(*t == '/');
		t++;
		p++;
		if (takes_rest(t, t_end, &literal))
			return (size_t)(p_end - p) >= literal && memcmp(p, t, literal) == 0;
		t_len = segment_len(t, t_end);
		p_len = segment_len(p, p_end);
		if (!segment_matches(t, t_len, p, p_len))
			return false;
		t += t_len;
		p += p_len;
		if (t == t_end)
			return p == p_end;
	}
	return false;
}

bool
rule_matches(const struct rule *r, struct slice method, struct slice path)
{
	if (r->methods.len > 0 && !method_listed(r->methods, method))
		return false;
	if (path_matches(r->path, path))
		return true;
	/* The application's routes take a line end behind the path: their expressions end in $. */
	return path.len > 0 && path.ptr[path.len - 1] == '\n' &&
	    path_matches(r->path, (struct slice){ path.ptr, path.len - 1 });
}
