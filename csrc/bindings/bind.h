// One bind_* function a topic; checks and conversions only, the algorithms are in csrc/core.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

namespace edgehand {

namespace py = pybind11;

void bind_crop(py::module_& module);
void bind_decode(py::module_& module);

[[noreturn]] inline void type_error(const std::string& message) { throw py::type_error(message); }
[[noreturn]] inline void value_error(const std::string& message) { throw py::value_error(message); }

// "(1, 21, 64, 64)"
inline std::string shape_of(const py::array& array) { return py::str(array.attr("shape")); }
inline std::string dtype_of(const py::array& array) { return py::str(array.dtype()); }

inline std::string type_of(const py::handle& object) { return Py_TYPE(object.ptr())->tp_name; }

inline bool is_interleaved(const std::string& layout) {
  if (layout != "NCHW" && layout != "NHWC") value_error("layout is '" + layout + "', expected NCHW or NHWC");
  return layout == "NHWC";
}

// The argument as it lies in memory, never converted.
inline py::array as_array(const py::object& object, const char* name) {
  if (!py::isinstance<py::array>(object)) {
    type_error(std::string(name) + " is " + type_of(object) + ", expected a NumPy array");
  }
  return py::reinterpret_borrow<py::array>(object);
}

}  // namespace edgehand
