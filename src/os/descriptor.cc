#include "os/descriptor.h"

#include <unistd.h>

namespace lander::os {

void Descriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

}  // namespace lander::os
