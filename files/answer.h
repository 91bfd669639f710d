/*
 * answer: a file as the answer to a request, whole or in parts.
 */
#ifndef FILES_ANSWER_H
#define FILES_ANSWER_H

#include "base/attr.h"
#include "http/exchange.h"
#include "middleware/answer.h"

/* Answer x with an open file, as Starlette's FileResponse does. `a` is the head of the whole
 * file; Range and If-Range are looked at when its status is 200. The file goes to the answer,
 * whoever still has to send it. False: nothing was sent, and the file is still the caller's. */
bool files_answer_give(struct hx_exchange *x, struct mw_answer *a, struct hx_file *file)
    MUST_CHECK;

/* The value of the request's first such field; `ptr` is NULL when there is none. */
struct slice files_answer_asked(const struct hx_exchange *x, struct slice name);

#endif
