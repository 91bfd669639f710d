/*
 * mount: from a request to a file of one of the directories.
 *
 * Called by bindings/plan/mounted.c and bindings/stack/mount.c. The order of what is looked for is
 * that of Starlette's StaticFiles.get_response(). A file is read where it is needed: whoever has it
 * on a disk that does not answer waits, as with nginx.
 */
#include "files/mount.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files/condition.h"
#include "files/navigation.h"
#include "files/open.h"
#include "files/stamp.h"

/* 304, with the one field of a file's that it may have. */
static enum files_verdict
unchanged_make(struct files_reply *r, const struct files_asked *q,
    const struct files_stamp *stamp)
{
	struct hx_header etag = { SLICE_LIT("etag"), files_stamp_etag(stamp) };
	struct mw_answer a;

	if (mw_answer_init(&a, q->arena, 304, &etag, 1) < 0)
		return FILES_LEFT;
	*r = files_reply_text(&a, SLICE_LIT(""));
	return FILES_REPLY;
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

/* The answer with that file (which is taken), unless the client has it. */
static enum files_verdict
file_make(const struct files_mount *mount, const struct files_asked *q, struct hx_file *file,
    const char *name, int status, struct files_reply *r)
{
	struct slice type = files_types_get(mount->types, (struct slice){ name, strlen(name) });
	struct files_stamp *stamp = arena_alloc(q->arena, sizeof(*stamp));
	enum files_condition condition = FILES_CHANGED;
	struct mw_answer a;

	*r = (struct files_reply){ .file = file };
	if (type.ptr == NULL || stamp == NULL || !files_stamp_make(stamp, file))
		return FILES_LEFT;
	if (status == 200 || mount->fallback != FILES_FALL_PLAIN)
		condition = files_condition_look(files_asked_field(q, SLICE_LIT("if-none-match")),
		    files_asked_field(q, SLICE_LIT("if-modified-since")), stamp);
	if (condition == FILES_CHANGE_UNSURE)
		return FILES_LEFT;
	if (condition == FILES_UNCHANGED) {
		files_reply_drop(r);
		return unchanged_make(r, q, stamp);
	}
	return head_write(&a, q->arena, status, type, stamp, file) == 0 &&
	    files_reply_make(r, q, &a, file) ? FILES_REPLY : FILES_LEFT;
}

/* The same for what was found. The descriptor goes. */
static enum files_verdict
entry_make(const struct files_mount *mount, const struct files_asked *q,
    struct files_entry *entry, int status, struct files_reply *r)
{
	struct hx_file *file = files_open_new(entry->fd, &entry->st);
	enum files_verdict verdict = FILES_LEFT;

	if (file == NULL) {
		close(entry->fd);
		return FILES_LEFT;
	}
	verdict = file_make(mount, q, file, entry->name, status, r);
	if (verdict != FILES_REPLY)
		files_reply_drop(r);
	return verdict;
}

/* The answer with the file of that name in the place of another; MISSING: it is not there. */
static enum files_verdict
instead_make(const struct files_mount *mount, const struct files_asked *q, const char *name,
    int status, struct files_reply *r)
{
	struct files_entry entry;

	switch (files_tree_look(mount->trees, mount->n_trees, name, &entry)) {
	case FILES_FOUND:
		if (S_ISREG(entry.st.st_mode))
			return entry_make(mount, q, &entry, status, r);
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

/* index.html, for who navigates. */
static enum files_verdict
index_instead(const struct files_mount *mount, const struct files_asked *q,
    struct files_reply *r)
{
	switch (files_navigation_look(files_asked_field(q, SLICE_LIT("accept")))) {
	case FILES_NAVIGATES:
		return instead_make(mount, q, "index.html", 200, r);
	case FILES_NAVIGATES_NOT:
		return FILES_MISSING;
	case FILES_NAVIGATION_UNSURE:
		break;
	}
	return FILES_LEFT;
}

/* No file is to be sent for this path. */
static enum files_verdict
missing(const struct files_mount *mount, const struct files_asked *q, struct files_reply *r)
{
	enum files_fallback fallback = mount->fallback;
	enum files_verdict verdict = FILES_MISSING;

	if (!mount->html || fallback == FILES_FALL_NONE)
		return FILES_MISSING;
	if (fallback != FILES_FALL_INDEX)
		verdict = instead_make(mount, q, "404.html", 404, r);
	if (verdict != FILES_MISSING || fallback == FILES_FALL_PLAIN)
		return verdict;
	/* FastAPI raises when the file that it was told of is not there. */
	if (fallback == FILES_FALL_MISSING)
		return FILES_LEFT;
	verdict = index_instead(mount, q, r);
	return verdict == FILES_MISSING && fallback == FILES_FALL_INDEX &&
	    files_navigation_look(files_asked_field(q, SLICE_LIT("accept"))) ==
	    FILES_NAVIGATES ? FILES_LEFT : verdict;
}

/* A directory, in html mode. */
static enum files_verdict
index_make(const struct files_mount *mount, const struct files_asked *q, const char *path,
    struct files_reply *r)
{
	char index[FILES_PATH_ROOM + sizeof("/index.html")];
	struct files_entry entry;

	snprintf(index, sizeof(index), "%s/index.html", path);
	switch (files_tree_look(mount->trees, mount->n_trees, index, &entry)) {
	case FILES_FOUND:
		break;
	case FILES_NONE:
		return missing(mount, q, r);
	case FILES_TOO_LONG:
	case FILES_UNSURE:
		return FILES_LEFT;
	}
	if (S_ISREG(entry.st.st_mode) && q->path.ptr[q->path.len - 1] == '/')
		return entry_make(mount, q, &entry, 200, r);
	close(entry.fd);
	return S_ISREG(entry.st.st_mode) ? FILES_REDIRECT : missing(mount, q, r);
}

enum files_verdict
files_mount_look(const struct files_mount *mount, const struct files_asked *q,
    struct slice rest, struct files_reply *r)
{
	char path[FILES_PATH_ROOM];
	struct files_entry entry;

	if (!files_asked_head(q) && !files_asked_get(q))
		return FILES_NOT_ALLOWED;
	if (!files_tree_path(rest, path))
		return FILES_LEFT;
	if (path[0] == '\\')
		return missing(mount, q, r);
	switch (files_tree_look(mount->trees, mount->n_trees, path, &entry)) {
	case FILES_FOUND:
		break;
	case FILES_NONE:
		return missing(mount, q, r);
	case FILES_TOO_LONG:
		return FILES_MISSING;
	case FILES_UNSURE:
		return FILES_LEFT;
	}
	if (S_ISREG(entry.st.st_mode))
		return entry_make(mount, q, &entry, 200, r);
	close(entry.fd);
	return S_ISDIR(entry.st.st_mode) && mount->html ? index_make(mount, q, path, r) :
	    missing(mount, q, r);
}
