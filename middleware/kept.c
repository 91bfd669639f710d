/*
 * kept: one place for each file that is asked for often.
 *
 * Called by gzip_content.c. A file has one place, which another file may take; so there are never
 * more than MW_KEPT_MAX. Where all are too large together, places become free in turn. What tells
 * versions of a file apart is its size and when its content and its attributes were last changed. A
 * file that was changed just now might change again within the same tick of its file system: its
 * form is not kept.
 */
#include "middleware/kept.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"

enum {
	NS_PER_S = 1000000000,
	SETTLED_S = 3	/* no file system's clock has longer ticks */
};

struct form {
	unsigned references;	/* of the table, and of each piece */
	size_t len;
	char bytes[];
};

struct place {
	struct hx_file file;	/* without its descriptor */
	struct form *form;	/* NULL: the place is free */
};

struct mw_kept {
	size_t bytes;		/* of all forms */
	size_t next;		/* the place that becomes free when there are too many */
	struct place places[MW_KEPT_MAX];
};

struct mw_kept *
mw_kept_new(void)
{
	return calloc(1, sizeof(struct mw_kept));
}

static void
form_release(void *arg)
{
	struct form *form = arg;

	must(form->references > 0);
	if (--form->references == 0)
		free(form);
}

void
mw_kept_free(struct mw_kept *kept)
{
	if (kept == NULL)
		return;
	for (size_t i = 0; i < MW_KEPT_MAX; i++)
		if (kept->places[i].form != NULL)
			form_release(kept->places[i].form);
	free(kept);
}

static size_t
place_of(const struct hx_file *file)
{
	return (file->inode ^ file->inode >> 8 ^ file->device) % MW_KEPT_MAX;
}

static bool
is_version(const struct hx_file *a, const struct hx_file *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	    a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

bool
mw_kept_has(const struct mw_kept *kept, const struct hx_file *file)
{
	const struct place *place = &kept->places[place_of(file)];

	return place->form != NULL && is_version(&place->file, file);
}

struct hx_piece
mw_kept_get(struct mw_kept *kept, const struct hx_file *file)
{
	const struct place *place = &kept->places[place_of(file)];

	if (!mw_kept_has(kept, file))
		return (struct hx_piece){ .bytes = SLICE_NULL };
	place->form->references++;
	return (struct hx_piece){
		.bytes = { place->form->bytes, place->form->len },
		.release = form_release,
		.arg = place->form,
	};
}

static void
place_free(struct mw_kept *kept, struct place *place)
{
	if (place->form == NULL)
		return;
	kept->bytes -= place->form->len;
	form_release(place->form);
	place->form = NULL;
}

bool
mw_kept_may(const struct hx_file *file)
{
	int64_t changed = file->mtime_ns > file->ctime_ns ? file->mtime_ns : file->ctime_ns;

	return changed / NS_PER_S + SETTLED_S <= clock_unix_s();
}

void
mw_kept_put(struct mw_kept *kept, const struct hx_file *file, struct slice form)
{
	struct place *place = &kept->places[place_of(file)];
	struct form *copy;

	if (form.len > MW_KEPT_BYTES || !mw_kept_may(file))
		return;
	copy = malloc(sizeof(*copy) + form.len);
	if (copy == NULL)
		return;
	copy->references = 1;
	copy->len = form.len;
	memcpy(copy->bytes, form.ptr, form.len);
	place_free(kept, place);
	for (; kept->bytes + form.len > MW_KEPT_BYTES_ALL; kept->next++)
		place_free(kept, &kept->places[kept->next % MW_KEPT_MAX]);
	*place = (struct place){ *file, copy };
	kept->bytes += form.len;
	place->file.fd = -1;
}
