/*
 * attr: what prototypes tell the compiler beside their types.
 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* Behind a prototype: the result says whether the call failed, and a caller that does
 * not look at it does not compile. */
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
