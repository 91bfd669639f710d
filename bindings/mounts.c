/*
 * mounts: from the compiler's tuples to trees of files.
 *
 * Called by binding.c, which owns them, and by plan/router.c. A mount is (route, instance,
 * directories, html, follow_symlink, instead, layered), where directories are bytes. Names of files
 * are asked for their content type while the interpreter is held, because requests begin with it.
 */
#include "bindings/mounts.h"

#include <stdlib.h>

/* Call upward of files/types.h. What is raised is no type. */
static struct slice
type_ask(void *arg, struct slice name)
{
	struct pyb_mounts *m = arg;
	PyObject *bytes, *type = NULL, *kept = NULL;
	struct slice found = SLICE_NULL;

	bytes = PyBytes_FromStringAndSize(name.ptr, (Py_ssize_t)name.len);
	if (bytes != NULL)
		type = PyObject_CallOneArg(m->content_type, bytes);
	if (type != NULL && PyBytes_CheckExact(type))
		kept = PyDict_SetDefault(m->kept, type, type);
	if (kept != NULL)
		found = (struct slice){ PyBytes_AS_STRING(kept),
		    (size_t)PyBytes_GET_SIZE(kept) };
	PyErr_Clear();
	Py_XDECREF(bytes);
	Py_XDECREF(type);
	return found;
}

/* Read the directories of a mount behind the trees that there are. 0, or -1 with an exception
 * set. */
static int
trees_add(struct pyb_mounts *m, struct files_mount *files, PyObject *directories, bool follow)
{
	Py_ssize_t n = PyTuple_GET_SIZE(directories);
	struct files_tree *grown = realloc(m->trees, (m->n_trees + (size_t)n + 1) *
	    sizeof(*grown));

	if (grown == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	m->trees = grown;
	files->n_trees = (size_t)n;
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *directory = PyTuple_GET_ITEM(directories, i);

		if (!PyBytes_CheckExact(directory)) {
			PyErr_SetString(PyExc_TypeError, "a directory is bytes");
			return -1;
		}
		files_tree_init(&m->trees[m->n_trees++], PyBytes_AS_STRING(directory), follow);
	}
	return 0;
}

/* One more in `all`. 0, or -1 with an exception set. */
static int
instance_add(struct pyb_mounts *m, PyObject *instance, PyObject *directories, bool follow,
    struct files_mount files)
{
	struct pyb_mount *mount = &m->all[m->n];

	files.types = &m->types;
	*mount = (struct pyb_mount){ .files = files, .instance = instance };
	if (trees_add(m, &mount->files, directories, follow) < 0)
		return -1;
	m->n++;
	return 0;
}

static int
mount_add(struct pyb_mounts *m, PyObject *tuple, uint32_t n_routes)
{
	PyObject *instance, *directories, *instead;
	unsigned long route;
	int html, follow, layered;

	if (!PyTuple_CheckExact(tuple)) {
		PyErr_SetString(PyExc_TypeError, "a mount is a tuple");
		return -1;
	}
	if (!PyArg_ParseTuple(tuple, "kOO!ppOp", &route, &instance, &PyTuple_Type, &directories,
	    &html, &follow, &instead, &layered))
		return -1;
	if (route >= n_routes || (instead != Py_None && (!PyTuple_CheckExact(instead) ||
	    PyTuple_GET_SIZE(instead) != 2))) {
		PyErr_SetString(PyExc_ValueError, "a mount that is not the compiler's");
		return -1;
	}
	if (instance_add(m, instance, directories, follow != 0,
	    (struct files_mount){ .html = html != 0 }) < 0)
		return -1;
	m->all[m->n - 1].layered = layered != 0;
	m->all[m->n - 1].instead = instead != Py_None ? instead : NULL;
	m->by_route[route] = (uint32_t)m->n;
	return 0;
}

/* What FastAPI calls its fallbacks; NULL: it has none. False: another word. */
static bool
fallback_read(const char *word, enum files_fallback *fallback)
{
	static const struct {
		const char *word;
		enum files_fallback fallback;
	} words[] = {
		{ "auto", FILES_FALL_AUTO }, { "404.html", FILES_FALL_MISSING },
		{ "index.html", FILES_FALL_INDEX },
	};

	*fallback = FILES_FALL_NONE;
	for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i].word) == 0)
			*fallback = words[i].fallback;
	return word == NULL || *fallback != FILES_FALL_NONE;
}

/* A frontend is (path, instance, directories, fallback). 0, or -1 with an exception set. */
static int
frontend_add(struct pyb_mounts *m, PyObject *tuple)
{
	struct pyb_frontend *f = &m->frontends[m->n_frontends];
	struct files_mount files = { .html = true };
	PyObject *instance, *directories;
	const char *path, *fallback;
	Py_ssize_t len;

	if (!PyTuple_CheckExact(tuple)) {
		PyErr_SetString(PyExc_TypeError, "a frontend is a tuple");
		return -1;
	}
	if (!PyArg_ParseTuple(tuple, "y#OO!z", &path, &len, &instance, &PyTuple_Type,
	    &directories, &fallback))
		return -1;
	if (!fallback_read(fallback, &files.fallback)) {
		PyErr_SetString(PyExc_ValueError, "an unknown fallback");
		return -1;
	}
	*f = (struct pyb_frontend){ { path, len == 1 ? 0 : (size_t)len }, m->n };
	m->n_frontends++;
	return instance_add(m, instance, directories, false, files);
}

/* The trees stand still from now on. */
static void
trees_set(struct pyb_mounts *m)
{
	size_t at = 0;

	for (size_t i = 0; i < m->n; i++) {
		m->all[i].files.trees = m->trees + at;
		at += m->all[i].files.n_trees;
	}
}

int
pyb_mounts_init(struct pyb_mounts *m, PyObject *source, uint32_t n_routes)
{
	PyObject *mounts, *frontends;
	int rc = 0;

	*m = (struct pyb_mounts){ 0 };
	if (source == Py_None)
		return 0;
	m->source = PyObject_GetAttrString(source, "mounts");
	m->frontends_source = PyObject_GetAttrString(source, "frontends");
	if (m->source == NULL || m->frontends_source == NULL || (m->kept = PyDict_New()) == NULL ||
	    (m->content_type = PyObject_GetAttrString(source, "content_type")) == NULL ||
	    (m->file_response = PyObject_GetAttrString(source, "file_response")) == NULL ||
	    (m->path_class = PyObject_GetAttrString(source, "path_class")) == NULL ||
	    (m->check = PyObject_GetAttrString(source, "check")) == NULL ||
	    (m->redirect = PyObject_GetAttrString(source, "redirect")) == NULL ||
	    (m->missing = PyObject_GetAttrString(source, "missing")) == NULL ||
	    (m->not_allowed = PyObject_GetAttrString(source, "not_allowed")) == NULL)
		return -1;
	mounts = m->source;
	frontends = m->frontends_source;
	if (!PyTuple_CheckExact(mounts) || !PyTuple_CheckExact(frontends)) {
		PyErr_SetString(PyExc_TypeError, "mounts and frontends are tuples");
		return -1;
	}
	files_types_init(&m->types, type_ask, m);
	m->all = calloc((size_t)(PyTuple_GET_SIZE(mounts) + PyTuple_GET_SIZE(frontends)) + 1,
	    sizeof(*m->all));
	m->by_route = calloc((size_t)n_routes + 1, sizeof(*m->by_route));
	m->frontends = calloc((size_t)PyTuple_GET_SIZE(frontends) + 1, sizeof(*m->frontends));
	if (m->all == NULL || m->by_route == NULL || m->frontends == NULL) {
		PyErr_NoMemory();
		return -1;
	}
	for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(mounts); i++)
		rc = mount_add(m, PyTuple_GET_ITEM(mounts, i), n_routes);
	for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(frontends); i++)
		rc = frontend_add(m, PyTuple_GET_ITEM(frontends, i));
	trees_set(m);
	return rc;
}

void
pyb_mounts_fini(struct pyb_mounts *m)
{
	for (size_t i = 0; i < m->n_trees; i++)
		files_tree_fini(&m->trees[i]);
	free(m->all);
	free(m->trees);
	free(m->by_route);
	free(m->frontends);
	m->all = NULL;
	m->trees = NULL;
	m->by_route = NULL;
	m->frontends = NULL;
	m->n = m->n_trees = m->n_frontends = 0;
	Py_CLEAR(m->content_type);
	Py_CLEAR(m->check);
	Py_CLEAR(m->redirect);
	Py_CLEAR(m->missing);
	Py_CLEAR(m->not_allowed);
	Py_CLEAR(m->file_response);
	Py_CLEAR(m->path_class);
	Py_CLEAR(m->kept);
	Py_CLEAR(m->source);
	Py_CLEAR(m->frontends_source);
}

/* Is `path` that of the frontend, or below it? */
static bool
frontend_has(const struct pyb_frontend *f, struct slice path, struct slice *rest)
{
	size_t skip = f->path.len;

	if (path.len < skip || memcmp(path.ptr, f->path.ptr, skip) != 0 ||
	    (skip > 0 && path.len > skip && path.ptr[skip] != '/'))
		return false;
	if (skip == 0)
		while (skip < path.len && path.ptr[skip] == '/')
			skip++;
	else if (path.len > skip)
		skip++;
	*rest = (struct slice){ path.ptr + skip, path.len - skip };
	return true;
}

struct pyb_mount *
pyb_mounts_frontend(const struct pyb_mounts *m, struct slice path, struct slice *rest)
{
	const struct pyb_frontend *best = NULL;
	struct slice behind;

	for (size_t i = 0; i < m->n_frontends; i++) {
		const struct pyb_frontend *f = &m->frontends[i];

		if ((best != NULL && f->path.len <= best->path.len) ||
		    !frontend_has(f, path, &behind))
			continue;
		best = f;
		*rest = behind;
	}
	return best != NULL ? &m->all[best->mount] : NULL;
}

int
pyb_mounts_traverse(struct pyb_mounts *m, visitproc visit, void *arg)
{
	Py_VISIT(m->content_type);
	Py_VISIT(m->check);
	Py_VISIT(m->redirect);
	Py_VISIT(m->missing);
	Py_VISIT(m->not_allowed);
	Py_VISIT(m->file_response);
	Py_VISIT(m->path_class);
	Py_VISIT(m->kept);
	Py_VISIT(m->source);
	Py_VISIT(m->frontends_source);
	return 0;
}
