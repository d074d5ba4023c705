#include "os/system_error.h"

#include <cerrno>
#include <string>
#include <system_error>

namespace lander::os {
namespace {

base::Code code_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return base::Code::kNotFound;
    case EEXIST:
      return base::Code::kExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return base::Code::kExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return base::Code::kDenied;
    case ETIMEDOUT:
      return base::Code::kTimeout;
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNRESET:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return base::Code::kUnavailable;
    default:
      return base::Code::kIo;
  }
}

}  // namespace

base::Error system_error(std::string_view what, int number) {
  return {code_of(number), std::string(what) + ": " + std::generic_category().message(number)};
}

}  // namespace lander::os
