/*
 * summary: a bounded look at a table through pread(2).
 *
 * Called by the master once per generation. A hostile table may give it wrong
 * texts; it must never make it allocate, map, loop or read out of bounds.
 */
#include "shm/summary.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/layout.h"

struct reader {
	int fd;
	struct shm_header header;
	const struct shm_summary_calls *calls;
	void *arg;
};

static bool
read_at(int fd, void *to, size_t size, uint64_t offset)
{
	char *p = to;

	while (size > 0) {
		ssize_t n = pread(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return true;
}

static bool
header_read(struct reader *r, uint64_t limit, const char **why)
{
	struct shm_header *h = &r->header;
	struct stat st;

	if (fstat(r->fd, &st) < 0 || !read_at(r->fd, h, sizeof(*h), 0))
		*why = "too short";
	else if (memcmp(h->magic, SHM_MAGIC, sizeof(h->magic)) != 0)
		*why = "no route table";
	else if (h->version != SHM_VERSION)
		*why = "another version of the layout";
	else if (h->size != (uint64_t)st.st_size)
		*why = "size does not fit";
	else if (h->size > limit)
		*why = "larger than the limit";
	else
		return true;
	return false;
}

/* Record i of a section. */
static bool
record_read(struct reader *r, enum shm_section_id id, uint64_t i, void *to, size_t size)
{
	const struct shm_section *s = &r->header.sections[id];
	uint64_t total = r->header.size;

	return s->offset <= total && i < (total - s->offset) / size &&
	    read_at(r->fd, to, size, s->offset + i * size);
}

static bool
text_read(struct reader *r, struct shm_text text, char to[SHM_SUMMARY_TEXT + 1])
{
	const struct shm_section *s = &r->header.sections[SHM_STRINGS];
	uint64_t total = r->header.size;
	size_t len = text.len < SHM_SUMMARY_TEXT ? text.len : SHM_SUMMARY_TEXT;

	if (s->offset > total || text.offset > total - s->offset ||
	    len > total - s->offset - text.offset ||
	    !read_at(r->fd, to, len, s->offset + text.offset))
		return false;
	for (size_t i = 0; i < len; i++)
		if (to[i] < ' ' || to[i] > '~')
			to[i] = '?';
	to[len] = '\0';
	return true;
}

static bool
metas_read(struct reader *r)
{
	char key[SHM_SUMMARY_TEXT + 1], value[SHM_SUMMARY_TEXT + 1];
	uint64_t n = r->header.sections[SHM_META].count;
	struct shm_meta meta;

	for (uint64_t i = 0; i < n && i < SHM_SUMMARY_METAS; i++) {
		if (!record_read(r, SHM_META, i, &meta, sizeof(meta)) ||
		    !text_read(r, meta.key, key) || !text_read(r, meta.value, value))
			return false;
		if (r->calls->meta != NULL)
			r->calls->meta(r->arg, key, value);
	}
	return true;
}

static bool
routes_read(struct reader *r, struct shm_summary *summary)
{
	char path[SHM_SUMMARY_TEXT + 1], name[SHM_SUMMARY_TEXT + 1];
	uint64_t n = r->header.sections[SHM_ROUTES].count;
	struct shm_route route;

	for (uint64_t i = 0; i < n && i < SHM_SUMMARY_ROUTES; i++) {
		if (!record_read(r, SHM_ROUTES, i, &route, sizeof(route)))
			return false;
		summary->n_routes++;
		summary->n_compiled += route.plan != SHM_NONE;
		if (r->calls->route == NULL)
			continue;
		if (!text_read(r, route.path, path) || !text_read(r, route.name, name))
			return false;
		r->calls->route(r->arg, path, name, route.plan != SHM_NONE);
	}
	return true;
}

int
shm_summary_read(int fd, uint64_t limit, const struct shm_summary_calls *calls, void *arg,
    struct shm_summary *summary, const char **why)
{
	struct reader r = { .fd = fd, .calls = calls, .arg = arg };

	memset(summary, 0, sizeof(*summary));
	if (!header_read(&r, limit, why))
		return -1;
	summary->size = r.header.size;
	summary->crc = r.header.crc;
	if (metas_read(&r) && routes_read(&r, summary))
		return 0;
	*why = "a section is out of bounds";
	return -1;
}
