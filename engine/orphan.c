/*
 * orphan: give the port back at once, and end in time.
 *
 * Called by module.c (the function). python/fastrapi/worker.py calls it before a worker
 * serves. The kernel then sends WIRE_ORPHAN_SIGNAL when the master is killed. Python's own
 * signal handlers wait for the interpreter, which a request may hold for minutes: this
 * handler is C, and uses nothing but system calls that signal-safety(7) allows.
 *
 * shutdown() ends the listening of the socket itself, which all workers share. So one
 * worker that runs is enough, and a worker that is stuck or stopped keeps no port, and no
 * client waits in a queue that nobody looks at. Connections that were accepted stay. A socket
 * whose owner is another process than the dead master is that one's, which listens (master/takeover.c).
 */
#include "engine/orphan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wire.h"

/* Written once, before the handler is there. A process has one master. */
static struct {
	pid_t master;
	unsigned seconds;		/* that requests have, until SIGALRM */
	int listeners[WIRE_LISTENERS_MAX + 1];	/* and the one for probes */
	size_t n;
} orphan;

static void
listening_end(int fd)
{
	int listening = 0, waiting;
	socklen_t len = sizeof(listening);
	pid_t owner = fcntl(fd, F_GETOWN);	/* 0 when it is dead */

	if (owner != 0 && owner != orphan.master)
		return;
	/* The application may have closed it, and opened something else. */
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return;
	shutdown(fd, SHUT_RDWR);
	/* TCP has reset whoever waited in the queue. A unix socket keeps them. */
	while ((waiting = accept(fd, NULL, NULL)) >= 0)
		close(waiting);
}

static void
on_orphan(int number)
{
	struct sigaction ends = { .sa_handler = SIG_DFL };
	int saved = errno;

	(void)number;
	/* Anybody can send a signal, and while the master lives the listeners are its. */
	if (getppid() == orphan.master)
		return;
	for (size_t i = 0; i < orphan.n; i++)
		listening_end(orphan.listeners[i]);
	/* Whoever would have ended a worker that is stuck is dead. */
	sigaction(SIGALRM, &ends, NULL);
	alarm(orphan.seconds);
	errno = saved;
}

/* expect_orphanhood(seconds, first, n) */
static PyObject *
expect_orphanhood(PyObject *Py_UNUSED(module), PyObject *args)
{
	struct sigaction action = { .sa_handler = on_orphan, .sa_flags = SA_RESTART };
	unsigned seconds, n;
	int first;

	if (!PyArg_ParseTuple(args, "IiI:expect_orphanhood", &seconds, &first, &n))
		return NULL;
	if (n > WIRE_LISTENERS_MAX + 1)
		return PyErr_Format(PyExc_ValueError, "too many listeners");
	orphan.master = getppid();
	orphan.seconds = seconds;
	for (orphan.n = 0; orphan.n < n; orphan.n++)
		orphan.listeners[orphan.n] = first + (int)orphan.n;
	if (sigaction(WIRE_ORPHAN_SIGNAL, &action, NULL) < 0)
		return PyErr_SetFromErrno(PyExc_OSError);
	Py_RETURN_NONE;
}

/* be_orphaned_by(master) */
static PyObject *
be_orphaned_by(PyObject *Py_UNUSED(module), PyObject *arg)
{
	long master = PyLong_AsLong(arg);

	if (master == -1 && PyErr_Occurred())
		return NULL;
	/* It follows the thread that was the parent's when it is set. */
	prctl(PR_SET_PDEATHSIG, WIRE_ORPHAN_SIGNAL);
	if (getppid() != (pid_t)master)
		_exit(WIRE_EXIT_BUG);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "expect_orphanhood", expect_orphanhood, METH_VARARGS,
	    "expect_orphanhood(seconds, first, n): when the master is killed end the listening\n"
	    "of the n descriptors from `first` on, and this process after so many seconds." },
	{ "be_orphaned_by", be_orphaned_by, METH_O,
	    "be_orphaned_by(master): the kernel is to say when this parent is killed, as it does to\n"
	    "who was started by it. Ends the process when it is not the parent any more." },
	{ NULL, NULL, 0, NULL }
};

int
engine_orphan_register(PyObject *module)
{
	return PyModule_AddFunctions(module, methods);
}
