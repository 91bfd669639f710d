/*
 * front: native layers in front of what answers a request.
 */
#ifndef BINDINGS_FRONT_H
#define BINDINGS_FRONT_H

#include "bindings/app.h"
#include "middleware/exchange.h"

/* [gil] The request comes to the layers at the edge, if there are any. As
 * mw_exchange_begin(). */
enum mw_verdict pyb_front_edge(struct pyb_app *app, struct hx_exchange *x);

/* [gil] It comes to those of the binding in force, which has some. */
enum mw_verdict pyb_front_inside(struct pyb_app *app, struct hx_exchange *x);

#endif
