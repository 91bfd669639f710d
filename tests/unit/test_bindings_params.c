/*
 * The parameter steps of a plan: every source, with and without a value, and what
 * their validators and defaults are given.
 */
#include "tests/unit/source_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "bindings/plan/model.h"
#include "bindings/plan/params.h"

#define FORM "content-type: application/x-www-form-urlencoded\n"

enum { VALIDATOR, DEFAULT, FIRST_KEY, MAX_FIELDS = 8, MAX_OBJECTS = FIRST_KEY + MAX_FIELDS };

enum {
	REQUIRED = SHM_STEP_F_REQUIRED, LIST = SHM_STEP_F_LIST, RAW = SHM_STEP_F_RAW,
	COPY = SHM_STEP_F_DEFAULT_COPY, CHECKED = SHM_STEP_F_DEFAULT_VALIDATE,
	FACTORY = SHM_STEP_F_DEFAULT_FACTORY, OPTIONAL = SHM_STEP_F_OPTIONAL_MODEL,
	EXTRAS = SHM_STEP_F_EXTRAS_SUPPLY
};

/* One step over one request. */
struct rig {
	struct hx_exchange x;
	struct pyb_source source;
	struct shm_table table;
	struct pyb_objects objects;
	PyObject *all[MAX_OBJECTS];
	struct shm_step steps[1 + MAX_FIELDS];
	char strings[512];
	enum pyb_param_verdict (*take)(struct pyb_module_state *, const struct pyb_objects *,
	    const struct shm_step *, struct pyb_source *, PyObject **);
};

static void
define_validators(void)
{
	py_do("import uuid\n"
	    "def tag(value, *, from_attributes):\n"
	    "    assert from_attributes is True\n"
	    "    return ('ok', value)\n"
	    "def same(value, *, from_attributes): return value\n"
	    "def refuse(value, *, from_attributes): raise ValueError(value)\n"
	    "def broken(): raise KeyError('factory')\n"
	    "class NoCopy:\n"
	    "    def __deepcopy__(self, memo): raise LookupError('copy')\n"
	    "shared = [1, [2]]\n");
}

/* A name into the step's strings. */
static void
name_set(struct rig *rig, struct shm_step *step, const char *name, size_t len)
{
	size_t at = strlen(rig->strings);

	must(at + len + 1 < sizeof(rig->strings));
	memcpy(rig->strings + at, name, len);
	step->name = (uint32_t)at;
	step->name_len = (uint32_t)len;
}

static void
rig_open(struct rig *rig, const char *query, const char *fields, const char *content,
    const char *validator, const char *fallback)
{
	memset(rig, 0, sizeof(*rig));
	view_exchange(&rig->x, query, fields, (struct slice){ content, strlen(content) });
	pyb_source_exchange(&rig->source, &rig->x);
	rig->table.strings = rig->strings;
	rig->objects = (struct pyb_objects){ &rig->table, rig->all };
	rig->take = pyb_param_take;
	rig->all[VALIDATOR] = validator != NULL ? py(validator) : NULL;
	rig->all[DEFAULT] = fallback != NULL ? py(fallback) : NULL;
	rig->steps[0].object = validator != NULL ? VALIDATOR : SHM_NONE;
	rig->steps[0].object2 = fallback != NULL ? DEFAULT : SHM_NONE;
}

static void
rig_close(struct rig *rig)
{
	for (size_t i = 0; i < MAX_OBJECTS; i++)
		Py_CLEAR(rig->all[i]);
	hx_exchange_fini(&rig->x);
}

static enum pyb_param_verdict
take(struct rig *rig, PyObject **out)
{
	PyObject *untouched = Py_None;

	*out = untouched;
	return rig->take(python_state_fastapi(), &rig->objects, rig->steps, &rig->source, out);
}

static void
take_once(void *arg)
{
	PyObject *out;

	if (take(arg, &out) == PYB_PARAM_OK)
		Py_XDECREF(out);
	PyErr_Clear();
}

/* Whatever failed: a verdict, and an exception exactly when the verdict says so. */
static bool
take_failing(void *arg)
{
	PyObject *out;
	enum pyb_param_verdict verdict = take(arg, &out);
	bool raised = PyErr_Occurred() != NULL;

	PyErr_Clear();
	if (verdict == PYB_PARAM_OK)
		Py_XDECREF(out);
	return raised == (verdict == PYB_PARAM_INVALID || verdict == PYB_PARAM_RAISED);
}

/* What a step gives: its value, or the verdict and the exception. */
static PyObject *
outcome(struct rig *rig)
{
	static const char *const verdicts[] = { "ok", "missing", "invalid", "raised", "odd",
	    "broken" };
	PyObject *out;
	enum pyb_param_verdict verdict = take(rig, &out);
	bool raised = PyErr_Occurred() != NULL;
	char text[64];

	if (verdict == PYB_PARAM_OK && out != NULL)
		return out;
	if (verdict == PYB_PARAM_OK)
		return PyUnicode_FromString("empty");
	CU_ASSERT_EQUAL(raised, verdict == PYB_PARAM_INVALID || verdict == PYB_PARAM_RAISED);
	snprintf(text, sizeof(text), "%s%s%s", verdicts[verdict], raised ? " " : "",
	    raised ? ((PyTypeObject *)PyErr_Occurred())->tp_name : "");
	PyErr_Clear();
	return PyUnicode_FromString(text);
}

/* The step gives what is wanted, leaves nothing behind, and survives any
 * allocation that fails. The objects' references are as before. */
static void
rig_check(struct rig *rig, const char *want)
{
	Py_ssize_t refs[MAX_OBJECTS];

	for (size_t i = 0; i < MAX_OBJECTS; i++)
		refs[i] = rig->all[i] != NULL ? Py_REFCNT(rig->all[i]) : 0;
	CU_ASSERT(py_equal(outcome(rig), want));
	CU_ASSERT_EQUAL(python_leak(take_once, rig), 0);
	/* CPython's copy module does not survive everything itself. */
	CU_ASSERT((rig->steps[0].flags & COPY) || python_survives(take_failing, rig));
	for (size_t i = 0; i < MAX_OBJECTS; i++)
		if (rig->all[i] != NULL && rig->all[i] != Py_None)
			CU_ASSERT_EQUAL(Py_REFCNT(rig->all[i]), refs[i]);
}

struct row {
	enum shm_source source;
	unsigned flags;
	const char *name, *validator, *fallback;
	const char *query, *fields, *content;
	const char *want;
};

static void
rows_check(const struct row *rows, size_t n)
{
	define_validators();
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];
		struct rig rig;

		rig_open(&rig, row->query, row->fields, row->content, row->validator,
		    row->fallback);
		rig.steps[0].op = SHM_STEP_PARAM;
		rig.steps[0].source = (uint8_t)row->source;
		rig.steps[0].flags = (uint16_t)row->flags;
		name_set(&rig, &rig.steps[0], row->name, strlen(row->name));
		rig_check(&rig, row->want);
		rig_close(&rig);
	}
}

#define ROWS(rows) rows_check(rows, sizeof(rows) / sizeof((rows)[0]))

static void
test_query(void)
{
	static const struct row rows[] = {
#define Q SHM_SOURCE_QUERY
		{ Q, 0, "a", "tag", "None", "a=1", "", "", "('ok', '1')" },
		{ Q, 0, "a", "tag", "None", "a=1&a=2", "", "", "('ok', '2')" },
		{ Q, 0, "a", "tag", "None", "b=1&A=2&aa=3", "", "", "None" },
		{ Q, 0, "a", NULL, "None", "a=%C3%A4+b", "", "", "'\\xe4 b'" },
		{ Q, 0, "a", "tag", "None", "a=", "", "", "('ok', '')" },
		{ Q, 0, "a", "tag", "None", "a", "", "", "('ok', '')" },
		{ Q, 0, "\xc3\xa4", "tag", "None", "%C3%A4=1", "", "", "('ok', '1')" },
		{ Q, 0, "", "tag", "None", "=1", "", "", "('ok', '1')" },
		{ Q, REQUIRED, "a", "tag", NULL, "a=1", "", "", "('ok', '1')" },
		{ Q, REQUIRED, "a", "tag", NULL, "", "", "", "'missing'" },
		{ Q, REQUIRED, "a", "refuse", NULL, "a=1", "", "", "'invalid ValueError'" },
		{ Q, LIST, "a", "tag", "None", "a=1&b=2&a=3&a=", "", "", "('ok', ['1', '3', ''])" },
		{ Q, LIST, "a", "tag", "'d'", "b=2", "", "", "'d'" },
		{ Q, LIST | REQUIRED, "a", "tag", NULL, "b=2", "", "", "'missing'" },
		{ Q, LIST, "a", NULL, "None", "a", "", "", "['']" },
		{ Q, LIST, "a", "refuse", "None", "a=1", "", "", "'invalid ValueError'" },
		{ Q, RAW, "a", "refuse", NULL, "a=1", "", "", "'1'" },
		{ Q, RAW, "a", "refuse", NULL, "", "", "", "'empty'" },
		{ Q, RAW | LIST, "a", "refuse", NULL, "a=1&a=2", "", "", "['1', '2']" },
		{ Q, RAW | LIST, "a", "refuse", NULL, "", "", "", "'empty'" },
		{ Q, RAW | REQUIRED, "a", "refuse", NULL, "", "", "", "'missing'" },
#undef Q
	};

	ROWS(rows);
}

static void
test_header(void)
{
	static const struct row rows[] = {
#define H SHM_SOURCE_HEADER
		{ H, 0, "a", "tag", "None", "", "a: 1\n", "", "('ok', '1')" },
		{ H, 0, "a", "tag", "None", "", "a: 1\nb: 2\na: 3\n", "", "('ok', '1')" },
		{ H, 0, "a", "tag", "None", "a=1", "aa: 1\n", "", "None" },
		{ H, 0, "a", "tag", "None", "", "", "", "None" },
		{ H, 0, "a", "tag", "None", "", "a: \n", "", "('ok', '')" },
		{ H, 0, "a", NULL, "None", "", "a: \xe4\xff\n", "", "'\\xe4\\xff'" },
		{ H, REQUIRED, "a", "tag", NULL, "", "b: 1\n", "", "'missing'" },
		{ H, LIST, "a", "tag", "None", "", "a: 1\nb: 2\na: 3\n", "", "('ok', ['1', '3'])" },
		{ H, LIST, "a", "tag", "()", "", "b: 2\n", "", "()" },
		{ H, LIST, "a", "tag", "()", "", "a: \n", "", "('ok', [''])" },
		{ H, RAW, "a", "tag", NULL, "", "a: 1\n", "", "'1'" },
		{ H, RAW, "a", "tag", NULL, "", "", "", "'empty'" },
#undef H
	};

	ROWS(rows);
}

static void
test_cookie(void)
{
	static const struct row rows[] = {
#define C SHM_SOURCE_COOKIE
		{ C, 0, "a", "tag", "None", "", "cookie: a=1; b=2; a=3\n", "", "('ok', '3')" },
		{ C, 0, "a", "tag", "None", "", "cookie: a=1\ncookie: a=2\n", "", "('ok', '2')" },
		{ C, 0, "a", "tag", "None", "a=1", "a: 1\n", "", "None" },
		{ C, 0, "a", "tag", "None", "", "cookie: a=\n", "", "('ok', '')" },
		{ C, 0, "\xe4", NULL, "None", "", "cookie: \xe4=\xff\n", "", "'\\xff'" },
		/* A dict in FastAPI: one text even for a sequence, and an empty one is
		 * no sequence. */
		{ C, LIST, "a", "tag", "None", "", "cookie: a=1; a=2\n", "", "('ok', '2')" },
		{ C, LIST, "a", "tag", "'d'", "", "cookie: a=\n", "", "'d'" },
		{ C, LIST | REQUIRED, "a", "tag", NULL, "", "cookie: a=\n", "", "'missing'" },
		{ C, REQUIRED, "a", "tag", NULL, "", "cookie: b=1\n", "", "'missing'" },
		{ C, RAW, "a", "tag", NULL, "", "cookie: a=\"x\\073\"\n", "", "'x;'" },
#undef C
	};

	ROWS(rows);
}

static void
test_form(void)
{
	static const struct row rows[] = {
#define F SHM_SOURCE_FORM
		{ F, 0, "a", "tag", "None", "", FORM, "a=1&a=2", "('ok', '2')" },
		{ F, 0, "a", "tag", "'d'", "", FORM, "a=", "'d'" },
		{ F, 0, "a", "tag", "'d'", "", FORM, "a=1&a=", "'d'" },
		{ F, REQUIRED, "a", "tag", NULL, "", FORM, "a=", "'missing'" },
		{ F, REQUIRED, "a", "tag", NULL, "a=1", "", "a=1", "'missing'" },
		{ F, LIST, "a", "tag", "None", "", FORM, "a=1&b=&a=", "('ok', ['1', ''])" },
		{ F, LIST, "a", "tag", "'d'", "", FORM, "b=1", "'d'" },
		{ F, RAW, "a", "tag", NULL, "", FORM, "a=%E4", "'\\ufffd'" },
		{ F, RAW, "a", "tag", NULL, "", FORM, "a=", "'empty'" },
		{ F, 0, "a", "tag", "None", "", "content-type: multipart/form-data\n", "a=1", "'odd'" },
		{ F, LIST, "a", "tag", "None", "", "content-type: text/plain\n", "a=1", "'odd'" },
#undef F
	};

	ROWS(rows);
}

static void
test_defaults(void)
{
	static const struct row rows[] = {
#define Q SHM_SOURCE_QUERY
		{ Q, 0, "a", "tag", "shared", "", "", "", "shared" },
		{ Q, COPY, "a", "tag", "shared", "", "", "", "shared" },
		{ Q, CHECKED, "a", "tag", "7", "", "", "", "('ok', 7)" },
		{ Q, CHECKED, "a", NULL, "7", "", "", "", "7" },
		{ Q, CHECKED, "a", "refuse", "7", "", "", "", "'invalid ValueError'" },
		{ Q, CHECKED | COPY, "a", "tag", "shared", "", "", "", "('ok', shared)" },
		{ Q, FACTORY, "a", "tag", "list", "", "", "", "[]" },
		{ Q, FACTORY | COPY, "a", "tag", "dict", "", "", "", "{}" },
		{ Q, FACTORY | CHECKED, "a", "tag", "list", "", "", "", "('ok', [])" },
		{ Q, FACTORY, "a", "tag", "broken", "", "", "", "'raised KeyError'" },
		{ Q, FACTORY | COPY | CHECKED, "a", "tag", "broken", "", "", "", "'raised KeyError'" },
		{ Q, COPY, "a", "tag", "NoCopy()", "", "", "", "'raised LookupError'" },
		{ Q, FACTORY | COPY, "a", "tag", "NoCopy", "", "", "", "'raised LookupError'" },
		/* With a value none of this is looked at. */
		{ Q, FACTORY | COPY | CHECKED, "a", "tag", "broken", "a=1", "", "", "('ok', '1')" },
#undef Q
	};

	ROWS(rows);
}

static void
test_a_copied_default_is_the_requests_own(void)
{
	PyObject *shared, *inner, *out;
	struct rig rig;

	define_validators();
	shared = python_keep(py("shared"));
	inner = python_keep(py("shared[1]"));
	rig_open(&rig, "", "", "", "tag", "shared");
	rig.steps[0].source = SHM_SOURCE_QUERY;
	CU_ASSERT_EQUAL(take(&rig, &out), PYB_PARAM_OK);
	CU_ASSERT_PTR_EQUAL(out, shared);
	Py_DECREF(out);
	rig.steps[0].flags = COPY;
	CU_ASSERT_EQUAL(take(&rig, &out), PYB_PARAM_OK);
	CU_ASSERT_PTR_NOT_EQUAL(out, shared);
	CU_ASSERT_PTR_NOT_EQUAL(PyList_GET_ITEM(out, 1), inner);
	Py_DECREF(out);
	rig_close(&rig);
}

static void
test_several_names(void)
{
	static const struct { const char *query, *want; uint32_t name; } rows[] = {
		{ "a=1&b=2", "('ok', '1')", 0 }, { "b=2", "('ok', '2')", 1 },
		{ "b=2&a=", "('ok', '')", 0 }, { "c=3&d=4", "('ok', '3')", 2 },
		{ "d=4", "'missing'", 0 },
	};

	define_validators();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig rig;

		rig_open(&rig, rows[i].query, "", "", "tag", NULL);
		rig.steps[0].op = SHM_STEP_PARAM;
		rig.steps[0].flags = REQUIRED;
		rig.steps[0].count = 2;
		for (size_t k = 0; k < 3; k++) {
			rig.steps[k].source = SHM_SOURCE_QUERY;
			name_set(&rig, &rig.steps[k], &"abc"[k], 1);
		}
		rig_check(&rig, rows[i].want);
		CU_ASSERT_EQUAL(pyb_param_name(&rig.objects, rig.steps, &rig.source),
		    rows[i].name);
		rig_close(&rig);
	}
}

static void
test_path(void)
{
	static const struct { unsigned flags; const char *text, *want; } rows[] = {
		{ 0, "x", "('ok', 'x')" }, { 0, "", "('ok', '')" },
		{ 0, "\xc3\xa4/b", "('ok', '\\xe4/b')" }, { RAW, "7", "'7'" },
		{ SHM_STEP_F_INT, "0", "('ok', 0)" }, { SHM_STEP_F_INT, "0012", "('ok', 12)" },
		{ SHM_STEP_F_INT, "123456789012345678901234567890",
		    "('ok', 123456789012345678901234567890)" },
		{ SHM_STEP_F_INT | RAW, "12", "12" },
		{ SHM_STEP_F_INT, "x", "'odd'" }, { SHM_STEP_F_INT, "", "'odd'" },
		{ SHM_STEP_F_FLOAT, "1.5", "('ok', 1.5)" }, { SHM_STEP_F_FLOAT, "7", "('ok', 7.0)" },
		{ SHM_STEP_F_FLOAT, "1.", "('ok', 1.0)" }, { SHM_STEP_F_FLOAT, "-", "'odd'" },
		{ SHM_STEP_F_UUID, "12345678-1234-5678-1234-567812345678",
		    "('ok', uuid.UUID('12345678123456781234567812345678'))" },
		{ SHM_STEP_F_UUID, "1234", "'odd'" },
		{ 0, "\xff", "'odd'" },
	};

	define_validators();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice params[] = { SLICE_LIT("first"),
		    { rows[i].text, strlen(rows[i].text) } };
		struct rig rig;

		rig_open(&rig, "", "", "", "tag", NULL);
		rig.source.params = params;
		rig.source.n_params = 2;
		rig.steps[0].flags = (uint16_t)(rows[i].flags | REQUIRED);
		rig.steps[0].key = 1;
		rig_check(&rig, rows[i].want);
		rig.source.n_params = 1;	/* the table of another moment */
		CU_ASSERT(py_equal(outcome(&rig), "'odd'"));
		rig_close(&rig);
	}
}

/* More digits than Python turns into a number, as a denial of service. */
static void
test_a_number_beyond_pythons_limit_is_odd(void)
{
	static char digits[5001];
	struct slice params[] = { { digits, 5000 } };
	struct rig rig;

	memset(digits, '9', 5000);
	define_validators();
	rig_open(&rig, "", "", "", "tag", NULL);
	rig.source.params = params;
	rig.source.n_params = 1;
	rig.steps[0].flags = SHM_STEP_F_INT | REQUIRED;
	CU_ASSERT(py_equal(outcome(&rig), "'odd'"));
	rig_close(&rig);
}

/* Fields as "name", "name=key", with a '*' in front for lists, and with a '+' for another
 * name of the field before. */
static void
model_set(struct rig *rig, enum shm_source source, unsigned flags, const char *fields)
{
	struct shm_step *model = &rig->steps[0];

	rig->take = pyb_model_take;
	model->op = SHM_STEP_PARAM_MODEL;
	model->source = (uint8_t)source;
	model->flags = (uint16_t)flags;
	for (struct shm_step *owner = NULL; *fields != '\0';) {
		size_t len = strcspn(fields, " "), name_len = strcspn(fields, " =");
		struct shm_step *field = &rig->steps[++model->count];
		const char *key = name_len < len ? fields + name_len + 1 : fields;
		bool list = *fields == '*', other = *fields == '+';

		must(model->count <= MAX_FIELDS);
		field->op = other ? SHM_STEP_ALIAS : SHM_STEP_PARAM_FIELD;
		if (!other)
			owner = field;
		else if (owner != NULL)
			owner->count++;
		field->source = (uint8_t)source;
		field->flags = list ? LIST : 0;
		field->object = FIRST_KEY + model->count - 1;
		name_set(rig, field, fields + (list || other), name_len - (list || other));
		key += key == fields && (list || other);
		rig->all[field->object] = PyUnicode_FromStringAndSize(key,
		    fields + len - key);
		fields += len + (fields[len] == ' ');
	}
}

static const struct model_row {
	enum shm_source source;
	unsigned flags;
	const char *names, *query, *fields, *content, *want;
} model_rows[] = {
#define Q SHM_SOURCE_QUERY
#define H SHM_SOURCE_HEADER
#define C SHM_SOURCE_COOKIE
#define F SHM_SOURCE_FORM
	{ Q, 0, "a b", "a=1&b=2", "", "", "{'a': '1', 'b': '2'}" },
	{ Q, 0, "a b", "b=2&b=3", "", "", "{'b': '3'}" },
	{ Q, 0, "*a b", "a=1&b=2&a=3", "", "", "{'a': ['1', '3'], 'b': '2'}" },
	{ Q, 0, "*a", "", "", "", "{}" }, { Q, 0, "", "", "", "", "{}" },
	{ Q, 0, "a", "a=1&x=2", "", "", "{'a': '1', 'x': '2'}" },
	{ Q, 0, "a", "x=1&y=2&x=3&x=4", "", "", "{'x': ['1', '3', '4'], 'y': '2'}" },
	{ Q, 0, "n=key", "n=1&key=2", "", "", "{'key': '2'}" },	/* the extra comes last */
	{ Q, 0, "n=key", "n=1&N=2", "", "", "{'key': '1', 'N': '2'}" },
	{ Q, 0, "a", "%C3%A4=%E4", "", "", "{'\\xe4': '\\ufffd'}" },
	{ H, 0, "x-a=x_a b", "", "x-a: 1\nb: 2\n", "", "{'x_a': '1', 'b': '2'}" },
	{ H, 0, "x-a=x_a", "", "x_a: 1\n", "", "{}" },
	{ H, 0, "x-a=X_A", "", "x_a: 1\nx-b: 2\n", "", "{'x-b': '2'}" },
	{ H, 0, "a", "", "a: 1\na: 2\nb: 3\nb: 4\n", "", "{'a': '1', 'b': ['3', '4']}" },
	{ H, 0, "*a", "", "a: 1\na: 2\n", "", "{'a': ['1', '2']}" },
	{ C, 0, "a", "", "cookie: a=1; b=2; b=3; a=4\n", "", "{'a': '4', 'b': '3'}" },
	{ C, 0, "*a", "", "cookie: a=1; a=\n", "", "{}" },
	{ F, 0, "a b", "", FORM, "a=1&b=&x=&x=2", "{'a': '1', 'x': ['', '2']}" },
	{ F, 0, "*a", "", FORM, "a=&a=1", "{'a': ['', '1']}" },
	{ F, 0, "a", "", "content-type: text/plain\n", "a=1", "'odd'" },
	{ Q, OPTIONAL, "a", "", "", "", "'default'" },
	{ Q, OPTIONAL, "a", "x=1", "", "", "'default'" },
	{ Q, OPTIONAL, "a", "a=1", "", "", "{'a': '1'}" },
	{ Q, OPTIONAL, "a b", "b=&x=1", "", "", "{'b': '', 'x': '1'}" },
	{ Q, OPTIONAL | EXTRAS, "a", "x=1", "", "", "{'x': '1'}" },
	{ Q, OPTIONAL | EXTRAS, "a", "", "", "", "'default'" },
	{ Q, OPTIONAL, "n=key", "key=1", "", "", "'default'" },
	{ F, OPTIONAL, "a", "", FORM, "a=", "{}" },
	{ F, OPTIONAL, "a", "", FORM, "", "'default'" },
	{ F, OPTIONAL, "a", "", "", "", "'default'" },
	{ F, OPTIONAL, "a", "", "content-type: text/plain\n", "", "'odd'" },
	{ F, OPTIONAL | REQUIRED, "a", "", FORM, "b=1", "'missing'" },
	{ C, OPTIONAL, "a", "", "cookie: b=1\n", "", "'default'" },
	{ C, OPTIONAL, "a", "", "cookie: a=\n", "", "{'a': ''}" },
	{ H, OPTIONAL, "a", "", "b: 1\n", "", "'default'" },
	{ H, OPTIONAL, "a", "", "a: 1\n", "", "{'a': '1'}" },
	{ H, OPTIONAL | EXTRAS, "x-a=x_a", "", "x_a: 1\n", "", "'default'" },
	{ H, OPTIONAL | EXTRAS, "x-a=x_a", "", "b: 1\n", "", "{'b': '1'}" },
	/* Of several names the first that is there; others are entries like any. */
	{ Q, 0, "a +b=k", "b=1", "", "", "{'k': '1'}" },
	{ Q, 0, "a +b=k", "b=1&a=", "", "", "{'a': '', 'b': '1'}" },
	{ Q, 0, "a +b=k", "c=1", "", "", "{'c': '1'}" },
	{ Q, 0, "*a +b=k c", "b=1&b=2&c=3", "", "", "{'k': ['1', '2'], 'c': '3'}" },
	{ H, 0, "x-a=x_a +b=k", "", "x_a: 1\nk: 2\nb: 3\n", "", "{'k': '3'}" },
	{ C, 0, "a +b=k", "", "cookie: b=1; k=2\n", "", "{'k': '2'}" },
	/* In a form the first that has a value. */
	{ F, 0, "a +b=k", "", FORM, "a=&b=1", "{'k': '1'}" },
	{ F, 0, "a +b=k", "", FORM, "a=1&b=2", "{'a': '1', 'b': '2'}" },
	{ F, 0, "a +b=k", "", FORM, "a=&b=", "{}" },
	{ F, OPTIONAL, "a +b=k", "", FORM, "b=", "{}" },
	/* Names alone. */
	{ F, OPTIONAL, "+a", "", FORM, "b=1", "'default'" },
	{ F, OPTIONAL, "+a", "", FORM, "a=1&b=2&b=3&c=", "{'a': '1', 'b': ['2', '3'], 'c': ''}" },
	{ F, 0, "", "", FORM, "a=1&a=&b=2", "{'a': ['1', ''], 'b': '2'}" },
#undef Q
#undef H
#undef C
#undef F
};

static void
test_models(void)
{
	define_validators();
	for (size_t i = 0; i < sizeof(model_rows) / sizeof(model_rows[0]); i++) {
		const struct model_row *row = &model_rows[i];
		struct rig rig;

		rig_open(&rig, row->query, row->fields, row->content, "same", "'default'");
		model_set(&rig, row->source, row->flags, row->names);
		rig_check(&rig, row->want);
		rig_close(&rig);
	}
}

static void
test_model_verdicts(void)
{
	static const struct { const char *validator; unsigned flags; const char *want; } rows[] = {
		{ "refuse", 0, "'invalid ValueError'" },
		{ "refuse", RAW, "{'a': '1'}" },
		{ NULL, 0, "{'a': '1'}" },
		{ "tag", 0, "('ok', {'a': '1'})" },
	};

	define_validators();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig rig;

		rig_open(&rig, "a=1", "", "", rows[i].validator, NULL);
		model_set(&rig, SHM_SOURCE_QUERY, rows[i].flags | REQUIRED, "a");
		rig_check(&rig, rows[i].want);
		rig_close(&rig);
	}
}

/* An unreadable source is odd for every kind of step, not absent. */
static void
test_too_many_pairs_are_odd(void)
{
	static char query[3 * (PYB_MAX_PAIRS + 1) + 1];
	static const unsigned flags[] = { 0, LIST, OPTIONAL, OPTIONAL | EXTRAS };

	for (size_t i = 0; i <= PYB_MAX_PAIRS; i++)
		memcpy(query + 3 * i, "b=&", 3);
	define_validators();
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct rig rig;

		rig_open(&rig, query, "", "", "same", "None");
		if (i < 2) {
			rig.steps[0].source = SHM_SOURCE_QUERY;
			rig.steps[0].flags = (uint16_t)flags[i];
			name_set(&rig, &rig.steps[0], "a", 1);
			CU_ASSERT(py_equal(outcome(&rig), "'odd'"));
		}
		rig.steps[0].count = 0;
		model_set(&rig, SHM_SOURCE_QUERY, flags[i], "a");
		CU_ASSERT(py_equal(outcome(&rig), "'odd'"));
		rig_close(&rig);
	}
}

int
main(void)
{
	CU_TestInfo tests[] = {
		{ "query", test_query },
		{ "header", test_header },
		{ "cookie", test_cookie },
		{ "form", test_form },
		{ "several names", test_several_names },
		{ "path", test_path },
		{ "a number beyond Python's limit is odd", test_a_number_beyond_pythons_limit_is_odd },
		{ "defaults", test_defaults },
		{ "a copied default is the request's own", test_a_copied_default_is_the_requests_own },
		{ "models", test_models },
		{ "verdicts on models", test_model_verdicts },
		{ "too many pairs are odd", test_too_many_pairs_are_odd },
		CU_TEST_INFO_NULL
	};

	return python_main("bindings: params", tests);
}
