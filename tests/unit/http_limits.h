/*
 * http_limits: the limits that a worker has when nothing is configured.
 */
#ifndef TESTS_UNIT_HTTP_LIMITS_H
#define TESTS_UNIT_HTTP_LIMITS_H

#include "base/conf.h"
#include "http/parse.h"

static const struct hx_limits default_limits = {
	.line = CONF_DEFAULT_limit_line, .field = CONF_DEFAULT_limit_field,
	.fields = CONF_DEFAULT_limit_fields, .head = CONF_DEFAULT_limit_head,
	.body = CONF_DEFAULT_limit_body,
};

#endif
