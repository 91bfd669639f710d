# Unit tests of bindings/, in programs that run the interpreter the build is for.
# Without a library to link with they are left out.
python_test_cppflags = $(AM_CPPFLAGS) -I$(PYTHON_INCLUDE) -DPY_SSIZE_T_CLEAN=
python_test_libs = tests/unit/libpython_fixture.la $(engine_libs) \
	$(PYTHON_EMBED_LIBS) -lcunit

EXTRA_LTLIBRARIES = tests/unit/libpython_fixture.la
tests_unit_libpython_fixture_la_CPPFLAGS = $(python_test_cppflags) \
	-DFIXTURE_PYTHON='"$(PYTHON_PATH)"' \
	-DFIXTURE_PACKAGE='"$(abs_top_srcdir)/python/fastrapi"'
tests_unit_libpython_fixture_la_SOURCES = tests/unit/python_fixture.c tests/unit/suite.h \
	tests/unit/python_fixture.h tests/unit/source_fixture.c tests/unit/source_fixture.h \
	tests/unit/plan_fixture.c tests/unit/plan_fixture.h

bindings_tests = tests/unit/test_bindings_json tests/unit/test_bindings_source \
	tests/unit/test_bindings_params tests/unit/test_bindings_coro \
	tests/unit/test_bindings_scope tests/unit/test_bindings_guards \
	tests/unit/test_bindings_sync_mode tests/unit/test_bindings_pool \
	tests/unit/test_bindings_call tests/unit/test_bindings_exits \
	tests/unit/test_bindings_result \
	tests/unit/test_bindings_request tests/unit/test_bindings_text \
	tests/unit/test_bindings_content tests/unit/test_bindings_stack \
	tests/unit/test_bindings_stretch tests/unit/test_bindings_upload \
	tests/unit/test_bindings_channel
if PYTHON_EMBEDS
check_PROGRAMS += $(bindings_tests)
TESTS += $(bindings_tests)
else
check-local:
	@echo "tests of bindings/ and engine/ left out: $(PYTHON_PATH) has no library to link with"
endif

tests_unit_test_bindings_json_SOURCES = tests/unit/test_bindings_json.c
tests_unit_test_bindings_json_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_json_LDADD = $(python_test_libs)
tests_unit_test_bindings_source_SOURCES = tests/unit/test_bindings_source.c
tests_unit_test_bindings_source_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_source_LDADD = $(python_test_libs)
tests_unit_test_bindings_params_SOURCES = tests/unit/test_bindings_params.c
tests_unit_test_bindings_params_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_params_LDADD = $(python_test_libs)
tests_unit_test_bindings_coro_SOURCES = tests/unit/test_bindings_coro.c
tests_unit_test_bindings_coro_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_coro_LDADD = $(python_test_libs)
tests_unit_test_bindings_stack_SOURCES = tests/unit/test_bindings_stack.c
tests_unit_test_bindings_stack_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_stack_LDADD = $(python_test_libs)
tests_unit_test_bindings_stretch_SOURCES = tests/unit/test_bindings_stretch.c
tests_unit_test_bindings_stretch_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_stretch_LDADD = $(python_test_libs)
tests_unit_test_bindings_scope_SOURCES = tests/unit/test_bindings_scope.c
tests_unit_test_bindings_scope_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_scope_LDADD = $(python_test_libs)
tests_unit_test_bindings_guards_SOURCES = tests/unit/test_bindings_guards.c
tests_unit_test_bindings_guards_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_guards_LDADD = $(python_test_libs)
tests_unit_test_bindings_sync_mode_SOURCES = tests/unit/test_bindings_sync_mode.c
tests_unit_test_bindings_sync_mode_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_sync_mode_LDADD = $(python_test_libs)
tests_unit_test_bindings_pool_SOURCES = tests/unit/test_bindings_pool.c
tests_unit_test_bindings_pool_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_pool_LDADD = $(python_test_libs)
tests_unit_test_bindings_call_SOURCES = tests/unit/test_bindings_call.c
tests_unit_test_bindings_call_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_call_LDADD = $(python_test_libs)
tests_unit_test_bindings_exits_SOURCES = tests/unit/test_bindings_exits.c
tests_unit_test_bindings_exits_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_exits_LDADD = $(python_test_libs)
tests_unit_test_bindings_result_SOURCES = tests/unit/test_bindings_result.c
tests_unit_test_bindings_result_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_result_LDADD = $(python_test_libs)
tests_unit_test_bindings_request_SOURCES = tests/unit/test_bindings_request.c
tests_unit_test_bindings_request_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_request_LDADD = $(python_test_libs)
tests_unit_test_bindings_content_SOURCES = tests/unit/test_bindings_content.c
tests_unit_test_bindings_content_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_content_LDADD = $(python_test_libs)
tests_unit_test_bindings_channel_SOURCES = tests/unit/test_bindings_channel.c
tests_unit_test_bindings_channel_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_channel_LDADD = $(python_test_libs)
tests_unit_test_bindings_upload_SOURCES = tests/unit/test_bindings_upload.c
tests_unit_test_bindings_upload_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_upload_LDADD = $(python_test_libs)
tests_unit_test_bindings_text_SOURCES = tests/unit/test_bindings_text.c
tests_unit_test_bindings_text_CPPFLAGS = $(python_test_cppflags)
tests_unit_test_bindings_text_LDADD = $(python_test_libs)
