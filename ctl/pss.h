/*
 * pss: what a process has of the memory that it shares.
 */
#ifndef CTL_PSS_H
#define CTL_PSS_H

/* Bytes of process `pid`: its own memory, and its part of what others have as well. 0 when that cannot be
 * read, or the process is no child of `parent`: then the server is in another container. */
double ctl_pss(double pid, double parent);

#endif
