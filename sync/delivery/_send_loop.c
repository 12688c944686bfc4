/* The same bytes to many sockets: a loop of send() without Python's lock.
 *
 * The caller is the thread of the event loop, which alone closes sockets: none of these numbers
 * can become another socket's meanwhile. Blocking, partial and failed sends are told, not retried:
 * the transport of the socket sends the rest, and finds the error again.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifndef MSG_NOSIGNAL /* macOS; Python ignores SIGPIPE */
#define MSG_NOSIGNAL 0
#endif

typedef struct {
    int number;
    Py_ssize_t sent;
} Socket;

static int read_numbers(PyObject *numbers, Socket *sockets, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        long number = PyLong_AsLong(PyList_GET_ITEM(numbers, i));
        if (number == -1 && PyErr_Occurred())
            return -1;
        if (number < 0 || number > INT_MAX) {
            PyErr_SetString(PyExc_ValueError, "not the number of a socket");
            return -1;
        }
        sockets[i].number = (int)number;
    }
    return 0;
}

static PyObject *those_with_a_rest(const Socket *sockets, Py_ssize_t count, Py_ssize_t size)
{
    PyObject *found = PyList_New(0);
    for (Py_ssize_t i = 0; found != NULL && i < count; i++) {
        if (sockets[i].sent == size)
            continue;
        PyObject *pair = Py_BuildValue("(nn)", i, sockets[i].sent);
        if (pair == NULL || PyList_Append(found, pair) < 0)
            Py_CLEAR(found);
        Py_XDECREF(pair);
    }
    return found;
}

PyDoc_STRVAR(send_to_all_doc,
             "send_to_all(sockets, data)\n--\n\n"
             "Send the data to each of the sockets without waiting.\n\n"
             "Return (index, bytes that were sent) of those that did not take all of it, whether\n"
             "they are full or broken: 0 then.");

static PyObject *send_to_all(PyObject *module, PyObject *const *args, Py_ssize_t given)
{
    (void)module;
    if (given != 2 || !PyList_CheckExact(args[0]) || !PyBytes_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "send_to_all(sockets: list[int], data: bytes)");
        return NULL;
    }
    Py_ssize_t count = PyList_GET_SIZE(args[0]);
    const char *data = PyBytes_AS_STRING(args[1]);
    Py_ssize_t size = PyBytes_GET_SIZE(args[1]);
    Socket *sockets = PyMem_New(Socket, count ? count : 1);
    if (sockets == NULL)
        return PyErr_NoMemory();
    if (read_numbers(args[0], sockets, count) < 0) {
        PyMem_Free(sockets);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t sent;
        do
            sent = send(sockets[i].number, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        sockets[i].sent = sent < 0 ? 0 : sent;
    }
    Py_END_ALLOW_THREADS
    PyObject *rest = those_with_a_rest(sockets, count, size);
    PyMem_Free(sockets);
    return rest;
}

static PyMethodDef methods[] = {
    {"send_to_all", (PyCFunction)(void (*)(void))send_to_all, METH_FASTCALL, send_to_all_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_send_loop",
    .m_doc = "A loop of send() over many sockets.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__send_loop(void)
{
    return PyModuleDef_Init(&module);
}
