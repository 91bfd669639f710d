/*
 * mount: from a request to a file of one of the directories.
 *
 * Called by bindings/plan/mounted.c. The order of what is looked for is that of Starlette's
 * StaticFiles.get_response(). A file is read where it is needed: whoever has it on a disk
 * that does not answer waits, as with nginx.
 */
#include "files/mount.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files/answer.h"
#include "files/condition.h"
#include "files/open.h"
#include "files/stamp.h"

/* 304, with the one field of a file's that it may have. */
static void
unchanged_give(struct hx_exchange *x, const struct files_stamp *stamp)
{
	struct hx_header etag = { SLICE_LIT("etag"), files_stamp_etag(stamp) };

	(void)x->calls->answer(x, 304, &etag, 1, (struct hx_piece){ .bytes = SLICE_LIT("") });
}

/* The fields of FileResponse(path, stat_result=...). 0, or -1 when out of memory. */
static int
head_write(struct mw_answer *a, struct arena *arena, int status, struct slice type,
    const struct files_stamp *stamp, const struct hx_file *file)
{
	const struct hx_header fields[] = {
		{ SLICE_LIT("content-type"), type },
		{ SLICE_LIT("accept-ranges"), SLICE_LIT("bytes") },
	};

	if (mw_answer_init(a, arena, status, fields, 2) < 0 ||
	    mw_answer_set_number(a, SLICE_LIT("content-length"), file->size) < 0 ||
	    mw_answer_append(a, SLICE_LIT("last-modified"), files_stamp_modified(stamp)) < 0)
		return -1;
	return mw_answer_append(a, SLICE_LIT("etag"), files_stamp_etag(stamp));
}

/* Answer with that file, unless the client has it. */
static enum files_verdict
file_give(const struct files_mount *mount, struct hx_exchange *x, struct hx_file *file,
    const char *name, int status)
{
	struct slice type = files_types_get(mount->types, (struct slice){ name, strlen(name) });
	struct files_stamp stamp;
	struct mw_answer a;

	if (type.ptr == NULL || !files_stamp_make(&stamp, file))
		return FILES_LEFT;
	if (status == 200)
		switch (files_condition_look(files_answer_asked(x, SLICE_LIT("if-none-match")),
		    files_answer_asked(x, SLICE_LIT("if-modified-since")), &stamp)) {
		case FILES_CHANGED:
			break;
		case FILES_UNCHANGED:
			unchanged_give(x, &stamp);
			return FILES_ANSWERED;
		case FILES_CHANGE_UNSURE:
			return FILES_LEFT;
		}
	if (head_write(&a, &x->arena, status, type, &stamp, file) < 0)
		return FILES_LEFT;
	files_open_hold(file);
	if (files_answer_give(x, &a, file))
		return FILES_ANSWERED;
	files_open_release(file);
	return FILES_LEFT;
}

/* The same for what was found. The descriptor goes. */
static enum files_verdict
entry_give(const struct files_mount *mount, struct hx_exchange *x, struct files_entry *entry,
    int status)
{
	struct hx_file *file = files_open_new(entry->fd, &entry->st);
	enum files_verdict verdict;

	if (file == NULL) {
		close(entry->fd);
		return FILES_LEFT;
	}
	verdict = file_give(mount, x, file, entry->name, status);
	files_open_release(file);
	return verdict;
}

/* No file is to be sent for this path. */
static enum files_verdict
missing(const struct files_mount *mount, struct hx_exchange *x)
{
	struct files_entry entry;

	if (!mount->html)
		return FILES_MISSING;
	switch (files_tree_look(mount->trees, mount->n_trees, "404.html", &entry)) {
	case FILES_FOUND:
		if (S_ISREG(entry.st.st_mode))
			return entry_give(mount, x, &entry, 404);
		close(entry.fd);
		return FILES_MISSING;
	case FILES_NONE:
		return FILES_MISSING;
	case FILES_TOO_LONG:
	case FILES_UNSURE:
		break;
	}
	return FILES_LEFT;
}

/* A directory, in html mode. */
static enum files_verdict
index_give(const struct files_mount *mount, struct hx_exchange *x, const char *path)
{
	char index[FILES_PATH_ROOM + sizeof("/index.html")];
	struct files_entry entry;

	snprintf(index, sizeof(index), "%s/index.html", path);
	switch (files_tree_look(mount->trees, mount->n_trees, index, &entry)) {
	case FILES_FOUND:
		break;
	case FILES_NONE:
		return missing(mount, x);
	case FILES_TOO_LONG:
	case FILES_UNSURE:
		return FILES_LEFT;
	}
	if (S_ISREG(entry.st.st_mode) && x->req.path.ptr[x->req.path.len - 1] == '/')
		return entry_give(mount, x, &entry, 200);
	close(entry.fd);
	return S_ISREG(entry.st.st_mode) ? FILES_REDIRECT : missing(mount, x);
}

enum files_verdict
files_mount_answer(const struct files_mount *mount, struct hx_exchange *x, struct slice rest)
{
	char path[FILES_PATH_ROOM];
	struct files_entry entry;

	if (!x->is_head && !slice_equal(x->req.method_name, SLICE_LIT("GET")))
		return FILES_NOT_ALLOWED;
	if (!files_tree_path(rest, path))
		return FILES_LEFT;
	if (path[0] == '\\')
		return missing(mount, x);
	switch (files_tree_look(mount->trees, mount->n_trees, path, &entry)) {
	case FILES_FOUND:
		break;
	case FILES_NONE:
		return missing(mount, x);
	case FILES_TOO_LONG:
		return FILES_MISSING;
	case FILES_UNSURE:
		return FILES_LEFT;
	}
	if (S_ISREG(entry.st.st_mode))
		return entry_give(mount, x, &entry, 200);
	close(entry.fd);
	return S_ISDIR(entry.st.st_mode) && mount->html ? index_give(mount, x, path) :
	    missing(mount, x);
}
