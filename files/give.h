/*
 * give: a reply goes to an exchange.
 */
#ifndef FILES_GIVE_H
#define FILES_GIVE_H

#include "files/reply.h"
#include "http/exchange.h"

/* What the exchange's request asks; memory is the exchange's. */
struct files_asked files_give_asked(struct hx_exchange *x);

/* Answer x with the reply, which is dropped. The file goes to the answer, whoever still has to
 * send it. */
void files_give(struct hx_exchange *x, struct files_reply *r);

/* Give x, which has had a head, the content of the reply. The end of the answer is to follow. */
void files_give_content(struct hx_exchange *x, const struct files_reply *r);

#endif
