/*
 * variables: of the environment, to settings.
 *
 * Called by conf.c (read), and by main.c when nothing else is wrong (warn). uvicorn's command reads
 * each of its flags from UVICORN_NAME as well: who moves here has them in units and images. The
 * environment belongs to many: what is no setting here is told, and refuses nothing.
 */
#include "master/variables.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/conf.h"
#include "master/foreign.h"

static const char uvicorn[] = "UVICORN_", own[] = "FASTRD_";

/* One that is set. */
struct variable {
	char name[2 * CONF_NAME_BYTES];
	char key[2 * CONF_NAME_BYTES];	/* as a row is called: behind the prefix, in small letters */
	const char *value;
};

/* Is this entry of the environment one with the prefix, and not empty? */
static bool
variable_of(const char *entry, const char *prefix, struct variable *v)
{
	size_t skip = strlen(prefix), len = strcspn(entry, "="), i;

	if (strncmp(entry, prefix, skip) != 0 || len <= skip || len >= sizeof(v->name) ||
	    entry[len] == '\0' || entry[len + 1] == '\0')
		return false;
	snprintf(v->name, sizeof(v->name), "%.*s", (int)len, entry);
	for (i = skip; i < len; i++)
		v->key[i - skip] = (char)tolower((unsigned char)entry[i]);
	v->key[len - skip] = '\0';
	v->value = entry + len + 1;
	return true;
}

/* `text` in memory of `c`, with each run of white space one `between` unless that is NUL. */
static const char *
kept(struct master_conf *c, const char *text, char between)
{
	char *copy = arena_alloc(&c->texts, strlen(text) + 1), *to = copy;

	for (const char *p = text; copy != NULL && *p != '\0'; p++) {
		bool space = between != '\0' && isspace((unsigned char)*p);

		if (!space)
			*to++ = *p;
		else if (to > copy && to[-1] != between)
			*to++ = between;
	}
	if (copy != NULL)
		*to = '\0';
	return copy;
}

static int
set(struct master_conf *c, const struct conf_row *row, const char *name, const char *value)
{
	struct master_origin origin = { .kind = ORIGIN_ENVIRONMENT, .where = name };
	char why[CONF_WHY_BYTES] = "there is no memory";

	if (name != NULL && value != NULL && master_conf_set(c, row, value, origin, false, why) == 0)
		return 0;
	fprintf(stderr, "fastrd: %s=%.100s: %s\n", name != NULL ? name : row->name,
	    value != NULL ? value : "", why);
	return -1;
}

/* The row that a variable of uvicorn's means; NULL: none. What may be given
 * again has a name of its own. */
static const struct conf_row *
uvicorn_row(const struct variable *v)
{
	static const struct {
		const char *key;
		enum conf_key row;
	} plurals[] = { { "headers", CONF_header }, { "reload_dirs", CONF_reload_dir },
		{ "reload_includes", CONF_reload_include }, { "reload_excludes", CONF_reload_exclude } };
	const struct conf_row *row = conf_find(v->key, strlen(v->key), '_');

	for (size_t i = 0; i < sizeof(plurals) / sizeof(plurals[0]); i++)
		if (strcmp(v->key, plurals[i].key) == 0)
			row = &conf_rows[plurals[i].row];

	return row != NULL && (row->marks & CONF_UNFILED) == 0 ? row : NULL;
}

/* May it be given again there? */
static bool
spaced(const struct conf_row *row)
{
	return row->type == CONF_LIST && row->separator == '\n' && row != &conf_rows[CONF_route] &&
	    row != &conf_rows[CONF_session_secret];
}

static int
uvicorn_read(struct master_conf *c)
{
	int rc = 0;

	for (char **entry = environ; *entry != NULL; entry++) {
		const struct conf_row *row;
		struct variable v;
		const char *value;

		row = variable_of(*entry, uvicorn, &v) ? uvicorn_row(&v) : NULL;
		if (row == NULL)
			continue;
		/* What may be given again has white space between there. */
		value = spaced(row) ? kept(c, v.value, row->separator) : v.value;
		rc |= set(c, row, kept(c, v.name, '\0'), value);
	}
	return rc;
}

/* What other servers and platforms read as well. */
static int
common_read(struct master_conf *c)
{
	static const struct {
		const char *name;
		enum conf_key key;
	} common[] = { { "PORT", CONF_port }, { "WEB_CONCURRENCY", CONF_workers },
		{ "FORWARDED_ALLOW_IPS", CONF_forwarded_allow_ips } };
	int rc = 0;

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		const struct conf_row *row = &conf_rows[common[i].key];
		const char *value = getenv(common[i].name);

		/* Empty, FORWARDED_ALLOW_IPS says that nobody is trusted. */
		if (value != NULL && (*value != '\0' || conf_is_text(row)))
			rc |= set(c, row, common[i].name, value);
	}
	return rc;
}

int
master_variables_read(struct master_conf *c)
{
	int rc = common_read(c) | uvicorn_read(c);
	char why[CONF_WHY_BYTES];

	for (size_t i = 0; i < CONF_COUNT; i++) {
		int found = conf_environment_row(&c->values, &conf_rows[i], why);

		if (found > 0)
			c->origins[i] = (struct master_origin){ .kind = ORIGIN_ENVIRONMENT };
		if (found < 0) {
			fprintf(stderr, "fastrd: %s\n", why);
			rc = -1;
		}
	}
	return rc;
}

/* A container of Kubernetes has such variables of each service, by its name, which may be ours. */
static bool
of_a_service(const struct variable *v)
{
	return strstr(v->name, "_SERVICE_") != NULL || strstr(v->name, "_PORT_") != NULL ||
	    strncmp(v->value, "tcp://", 6) == 0 || strncmp(v->value, "udp://", 6) == 0;
}

/* FASTRD_NAME that is no setting. What marks fastrd's own children, and the built tree, is none. */
static void
own_warn(const struct variable *v)
{
	char name[CONF_NAME_BYTES], meant[CONF_NAME_BYTES];
	const struct conf_row *row;

	if (conf_find(v->key, strlen(v->key), '_') != NULL || strcmp(v->key, "child") == 0 ||
	    strcmp(v->key, "build") == 0 || of_a_service(v))
		return;
	row = master_foreign_nearest(v->key, name) ? conf_find(name, strlen(name), '_') : NULL;
	fprintf(stderr, "fastrd: warning: %s is no setting; ", v->name);
	if (row != NULL)
		fprintf(stderr, "did you mean %s?\n", conf_variable(row, meant));
	else
		fprintf(stderr, "fastrd --help names all\n");
}

/* UVICORN_NAME that is no setting. What is none of uvicorn's either is nobody's business here. */
static void
uvicorn_warn(const struct variable *v)
{
	const struct master_foreign *row = master_foreign_of_key(v->key);

	if (row != NULL && uvicorn_row(v) == NULL && !master_foreign_harmless(v->key, v->value))
		fprintf(stderr, "fastrd: warning: %s does not count: %s\n", v->name, row->why);
}

void
master_variables_warn(void)
{
	for (char **entry = environ; *entry != NULL; entry++) {
		struct variable v;

		if (variable_of(*entry, own, &v))
			own_warn(&v);
		else if (variable_of(*entry, uvicorn, &v))
			uvicorn_warn(&v);
	}
}
