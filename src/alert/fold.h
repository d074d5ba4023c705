// The fold's two halves, for Book, which keeps events sorted.
#pragma once

#include <vector>

#include "alert/alert.h"

namespace lander::alert {

// Into the order of the fold (see fold() in alert.h). Ids are unique.
void sort_for_fold(std::vector<Event>& events);
Alert fold_sorted(const std::vector<Event>& events);

}  // namespace lander::alert
