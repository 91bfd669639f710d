/*
 * judge: what a row's type and range do not say.
 *
 * Called by main.c at the start and by reread.c at a reload, when everything has been read. All
 * mistakes are named, not the first one only. What only the system can say (an address that is in
 * use, a file that cannot be written) shows when it is tried.
 */
#include "master/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/access.h"
#include "base/atoms.h"
#include "base/header.h"
#include "base/must.h"
#include "base/wire.h"
#include "master/address.h"
#include "master/conf.h"
#include "master/origin.h"

enum { PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path), MEMBER_BYTES = 512 };

struct judge {
	const struct master_conf *c;
	const struct master_complaints *to;
	bool wrong;
};

static void complain(struct judge *j, enum conf_key key, const char *value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
complain(struct judge *j, enum conf_key key, const char *value, const char *fmt, ...)
{
	char where[MASTER_ORIGIN_BYTES], why[CONF_WHY_BYTES], text[MASTER_ORIGIN_BYTES + CONF_WHY_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s", master_origin_text(j->c, &conf_rows[key], value, where), why);
	j->to->say(j->to->arg, text);
	j->wrong = true;
}

/* Each member of a LIST, as a text of its own. */
static void
each(struct judge *j, enum conf_key key, void (*look)(struct judge *j, const char *member))
{
	const struct conf_row *row = &conf_rows[key];
	const char *p = conf_text(&j->c->values, row);

	while (*p != '\0') {
		size_t len = (size_t)(strchrnul(p, row->separator) - p);
		char member[MEMBER_BYTES];

		if (len < sizeof(member)) {
			snprintf(member, sizeof(member), "%.*s", (int)len, p);
			look(j, member);
		} else {
			complain(j, key, p, "want at most %d bytes", MEMBER_BYTES - 1);
		}
		p += len + (p[len] != '\0');
	}
}

static void
path_judge(struct judge *j, enum conf_key key, const char *text, const char *path)
{
	if (strlen(path) >= PATH_BYTES)
		complain(j, key, text, "a unix socket's path has at most %d bytes", PATH_BYTES - 1);
}

/* A name, or the port in its place. */
static void
host_judge(struct judge *j, const char *host)
{
	static const char digits[] = "0123456789";
	size_t len = strcspn(host, ":"), all = strlen(host);
	char numeric[INET6_ADDRSTRLEN], address[MEMBER_BYTES];

	snprintf(address, sizeof(address), strchr(host, ':') != NULL ? "[%s]:0" : "%s:0", host);
	if (master_address_is_name(host, all) || master_address_read(address, numeric) == 0)
		return;
	if (all > 0 && strspn(host, digits) == all)
		complain(j, CONF_host, host, "did you mean --port %s?", host);
	else if (len + 1 < all && strspn(host + len + 1, digits) == all - len - 1)
		complain(j, CONF_host, host, "want the port with --port %s", host + len + 1);
	else
		complain(j, CONF_host, host, "want a numeric address such as 127.0.0.1, 0.0.0.0 or ::");
}

/* NAME:PORT, as resolve.c will find it. */
static bool
is_named(const char *text)
{
	size_t len = strcspn(text, ":");
	char numeric[INET6_ADDRSTRLEN], address[MEMBER_BYTES + 16];

	snprintf(address, sizeof(address), "0.0.0.0%s", text + len);
	return master_address_is_name(text, len) && master_address_read(address, numeric) >= 0;
}

static void
bind_judge(struct judge *j, const char *text)
{
	char host[INET6_ADDRSTRLEN];

	if (master_address_path(text) != NULL)
		path_judge(j, CONF_bind, text, master_address_path(text));
	else if (master_address_fd(text) < 0 && master_address_read(text, host) < 0 && !is_named(text))
		complain(j, CONF_bind, text, "want an address such as 127.0.0.1:8000, [::1]:8000, "
		    "unix:PATH or fd://3");
	else if (strcmp(text, j->c->values.admin) == 0 && master_address_read(text, host) > 0)
		complain(j, CONF_admin, text, "the application listens there; choose another");
}

static void
admin_judge(struct judge *j)
{
	const struct conf *c = &j->c->values;
	const char *path = master_address_path(c->admin);
	char host[INET6_ADDRSTRLEN];
	long port = master_address_read(c->admin, host);

	if (path != NULL)
		path_judge(j, CONF_admin, c->admin, path);
	else if (port < 0)
		complain(j, CONF_admin, c->admin,
		    "want an address such as 127.0.0.1:8001 or unix:/run/fastrd/admin");
	if ((path != NULL && strcmp(path, c->uds) == 0) || (port > 0 && c->bind[0] == '\0' &&
	    c->fd < 0 && c->uds[0] == '\0' && port == c->port && strcmp(host, c->host) == 0))
		complain(j, CONF_admin, c->admin, "the application listens there; choose another");
}

/* Where to listen. */
static void
addresses_judge(struct judge *j)
{
	const struct conf *c = &j->c->values;
	int n = c->bind[0] != '\0';

	for (const char *p = c->bind; *p != '\0'; p++)
		n += *p == ',';
	if (n > WIRE_LISTENERS_MAX)
		complain(j, CONF_bind, c->bind, "want %d addresses at most", WIRE_LISTENERS_MAX);
	else
		each(j, CONF_bind, bind_judge);
	if (n == 0 && c->fd < 0 && c->uds[0] == '\0')
		host_judge(j, c->host);
	path_judge(j, CONF_uds, c->uds, c->uds);
	if (master_address_mode(c->uds_mode) < 0)
		complain(j, CONF_uds_mode, c->uds_mode, "want permissions in octal, such as 660");
	if (c->admin[0] != '\0')
		admin_judge(j);
	path_judge(j, CONF_control_socket, c->control_socket, c->control_socket);
	if (c->control_socket[0] != '\0' && (strcmp(c->control_socket, c->uds) == 0 ||
	    strcmp(c->control_socket, c->pid_file) == 0))
		complain(j, CONF_control_socket, c->control_socket,
		    "it is another thing as well; choose another");
}

static void
field_judge(struct judge *j, const char *line)
{
	char why[HEADER_WHY_BYTES];

	if (!header_may_be(line, strlen(line), why))
		complain(j, CONF_header, line, "%s", why);
}

/* A peer has an address only: a name would let nobody in. */
static void
proxy_judge(struct judge *j, const char *text)
{
	if (!master_address_is_network(text))
		complain(j, CONF_proxy_allow_ips, text, "want an address or a network such as 10.0.0.0/8, "
		    "or * alone for all");
}

/* It has blanks around it, or is empty, where somebody wrote a list with them. */
static void
excluded_judge(struct judge *j, const char *text)
{
	text += strspn(text, " ");
	if (*text != '\0' && *text != '/' && *text != '*')
		complain(j, CONF_access_log_exclude, text, "no path begins so; want one such as /%s",
		    *text == '.' ? "health" : text);
}

static void
logs_judge(struct judge *j)
{
	const struct conf *c = &j->c->values;
	char why[ATOMS_WHY_BYTES];
	struct atoms atoms;

	if (atoms_read(&atoms, access_format(c), why) < 0)
		complain(j, CONF_access_log_format, c->access_log_format, "%s", why);
	each(j, CONF_access_log_exclude, excluded_judge);
	/* At its end the one with the number is removed, and what is in it would be. */
	if (c->pid_file[0] != '\0' && (strcmp(c->pid_file, c->log_file) == 0 ||
	    strcmp(c->pid_file, c->access_log_file) == 0))
		complain(j, CONF_pid_file, c->pid_file, "it is a log file as well; choose another");
}

/* A limit of a part that the limit of the whole head does not let be. */
static void
limit_judge(struct judge *j, enum conf_key key)
{
	int64_t head = j->c->values.limit_head, part = conf_number(&j->c->values, &conf_rows[key]);
	char value[32];

	snprintf(value, sizeof(value), "%lld", (long long)part);
	if (part > head && j->c->origins[key].kind != ORIGIN_DEFAULT)
		complain(j, key, value, "it has no effect beyond limit_head, which is %lld; raise that, too",
		    (long long)head);
}

int
master_judge(const struct master_conf *c, const struct master_complaints *to)
{
	struct judge j = { .c = c, .to = to };

	addresses_judge(&j);
	each(&j, CONF_header, field_judge);
	if (strcmp(c->values.proxy_allow_ips, "*") != 0)
		each(&j, CONF_proxy_allow_ips, proxy_judge);
	logs_judge(&j);
	limit_judge(&j, CONF_limit_line);
	limit_judge(&j, CONF_limit_field);
	return j.wrong ? -1 : 0;
}
