/* Two mistakes of C extensions: memory without a free, and a reference without
 * its Py_DECREF. Built by the test for the interpreter that it runs.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>

static PyObject* thumbnail(PyObject* self, PyObject* argument) {
  long size = PyLong_AsLong(argument);
  char* pixels;
  (void)self;
  if (size < 0) return NULL;
  pixels = malloc((size_t)size);
  if (pixels == NULL) return PyErr_NoMemory();
  memset(pixels, 1, (size_t)size);
  return PyLong_FromLong(pixels[size / 2]);
}

static PyObject* check(PyObject* self, PyObject* entry) {
  (void)self;
  Py_INCREF(entry); /* and no Py_DECREF on the way out */
  Py_RETURN_TRUE;
}

static PyMethodDef methods[] = {{"thumbnail", thumbnail, METH_O, ""},
                                {"check", check, METH_O, ""},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_leaks", "", -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit__leaks(void) { return PyModule_Create(&module); }
