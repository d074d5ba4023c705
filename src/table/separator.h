// By what a table's cells are told apart.
#pragma once

#include <string_view>

namespace lander::table {

// ',', ';', tab, '|', or ' ' for runs of blanks; ',' where a row is one cell.
char detect_separator(std::string_view text);

}  // namespace lander::table
