// UCUM's table of units (https://ucum.org, specification 1.0.6, tables 1-22), the part that
// industry uses. Included by unit.cc only. One line a unit: symbol, prefixes allowed, size in base
// units as mantissa * 10^decimals, powers of the bases.
#pragma once

#include <array>
#include <limits>
#include <string_view>

namespace lander::sensing {

// m, g, s, A, K, cd, mol, rad as in the header; the rest are scales that convert to nothing else.
inline constexpr std::array<std::string_view, 13> kBases = {
    "m", "g", "s", "A", "K", "cd", "mol", "rad", "B", "Np", "[pH]", "[iU]", "bit"};

inline constexpr double kNoZero = std::numeric_limits<double>::infinity();

struct Atom {
  std::string_view symbol;
  bool metric;
  double mantissa;
  int decimals;
  std::array<int, kBases.size()> powers;
  double zero = kNoZero;
};

struct Prefix {
  std::string_view symbol;
  int decimals;
  double factor = 1;
};

struct Hint {
  std::string_view wrong, right;
};

inline constexpr Prefix kPrefixes[] = {{"Y", 24},
                                       {"Z", 21},
                                       {"E", 18},
                                       {"P", 15},
                                       {"T", 12},
                                       {"G", 9},
                                       {"M", 6},
                                       {"k", 3},
                                       {"h", 2},
                                       {"da", 1},
                                       {"d", -1},
                                       {"c", -2},
                                       {"m", -3},
                                       {"u", -6},
                                       {"n", -9},
                                       {"p", -12},
                                       {"f", -15},
                                       {"a", -18},
                                       {"z", -21},
                                       {"y", -24},
                                       {"Ki", 0, 1024.0},
                                       {"Mi", 0, 1048576.0},
                                       {"Gi", 0, 1073741824.0},
                                       {"Ti", 0, 1099511627776.0}};

inline constexpr double kPi = 3.14159265358979323846;

// What people write first, and what UCUM calls it.
inline constexpr Hint kHints[] = {{"\xC2\xB0"
                                   "C",
                                   "Cel"},
                                  {"degC", "Cel"},
                                  {"\xC2\xB0"
                                   "F",
                                   "[degF]"},
                                  {"degF", "[degF]"},
                                  {"\xC2\xB0", "deg"},
                                  {"rpm", "{rev}/min"},
                                  {"RPM", "{rev}/min"},
                                  {"r/min", "{rev}/min"},
                                  {"psi", "[psi]"},
                                  {"kWh", "kW.h"},
                                  {"MWh", "MW.h"},
                                  {"Wh", "W.h"},
                                  {"Ah", "A.h"},
                                  {"VA", "V.A"},
                                  {"kVA", "kV.A"},
                                  {"var", "V.A"},
                                  {"\xCE\xA9", "Ohm"},
                                  {"ohm", "Ohm"},
                                  {"in", "[in_i]"},
                                  {"ft", "[ft_i]"},
                                  {"gpm", "[gal_us]/min"},
                                  {"lb", "[lb_av]"},
                                  {"m\xC2\xB3/h", "m3/h"},
                                  {"m^3/h", "m3/h"},
                                  {"m\xC2\xB3", "m3"},
                                  {"m^3", "m3"},
                                  {"m\xC2\xB2", "m2"},
                                  {"m^2", "m2"},
                                  {"m/s^2", "m/s2"},
                                  {"m/s\xC2\xB2", "m/s2"},
                                  {"\xC2\xB5m", "um"},
                                  {"\xC2\xB5s", "us"},
                                  {"sec", "s"},
                                  {"hr", "h"},
                                  {"hour", "h"},
                                  {"day", "d"},
                                  {"ppm", "[ppm]"},
                                  {"ppb", "[ppb]"},
                                  {"atmosphere", "atm"},
                                  {"percent", "%"},
                                  {"pH", "[pH]"},
                                  {"mmHg", "mm[Hg]"},
                                  {"inHg", "[in_i'Hg]"},
                                  {"mmH2O", "mm[H2O]"},
                                  {"hp", "[HP]"}};

inline constexpr Atom kAtoms[] = {
    // base
    {"m", true, 1, 0, {1}},
    {"g", true, 1, 0, {0, 1}},
    {"s", true, 1, 0, {0, 0, 1}},
    {"A", true, 1, 0, {0, 0, 0, 1}},
    {"K", true, 1, 0, {0, 0, 0, 0, 1}},
    {"cd", true, 1, 0, {0, 0, 0, 0, 0, 1}},
    {"mol", true, 1, 0, {0, 0, 0, 0, 0, 0, 1}},
    {"rad", true, 1, 0, {0, 0, 0, 0, 0, 0, 0, 1}},
    // numbers
    {"10*", false, 1, 1, {}},
    {"10^", false, 1, 1, {}},
    {"%", false, 1, -2, {}},
    {"[ppth]", false, 1, -3, {}},
    {"[ppm]", false, 1, -6, {}},
    {"[ppb]", false, 1, -9, {}},
    {"[pptr]", false, 1, -12, {}},
    {"[pi]", false, kPi, 0, {}},
    // SI
    {"Hz", true, 1, 0, {0, 0, -1}},
    {"Bq", true, 1, 0, {0, 0, -1}},
    {"N", true, 1, 3, {1, 1, -2}},
    {"Pa", true, 1, 3, {-1, 1, -2}},
    {"J", true, 1, 3, {2, 1, -2}},
    {"W", true, 1, 3, {2, 1, -3}},
    {"C", true, 1, 0, {0, 0, 1, 1}},
    {"V", true, 1, 3, {2, 1, -3, -1}},
    {"F", true, 1, -3, {-2, -1, 4, 2}},
    {"Ohm", true, 1, 3, {2, 1, -3, -2}},
    {"S", true, 1, -3, {-2, -1, 3, 2}},
    {"mho", true, 1, -3, {-2, -1, 3, 2}},
    {"Wb", true, 1, 3, {2, 1, -2, -1}},
    {"T", true, 1, 3, {0, 1, -2, -1}},
    {"G", true, 1, -1, {0, 1, -2, -1}},
    {"H", true, 1, 3, {2, 1, -2, -2}},
    {"lm", true, 1, 0, {0, 0, 0, 0, 0, 1, 0, 2}},
    {"lx", true, 1, 0, {-2, 0, 0, 0, 0, 1, 0, 2}},
    {"Gy", true, 1, 0, {2, 0, -2}},
    {"Sv", true, 1, 0, {2, 0, -2}},
    {"kat", true, 1, 0, {0, 0, -1, 0, 0, 0, 1}},
    {"sr", true, 1, 0, {0, 0, 0, 0, 0, 0, 0, 2}},
    {"Cel", true, 1, 0, {0, 0, 0, 0, 1}, 273.15},
    // beside SI
    {"l", true, 1, -3, {3}},
    {"L", true, 1, -3, {3}},
    {"ar", true, 1, 2, {2}},
    {"t", true, 1, 6, {0, 1}},
    {"bar", true, 1, 8, {-1, 1, -2}},
    {"eV", true, 1.602176634, -16, {2, 1, -2}},
    {"u", true, 1.66053906660, -24, {0, 1}},
    {"min", false, 60, 0, {0, 0, 1}},
    {"h", false, 3600, 0, {0, 0, 1}},
    {"d", false, 86400, 0, {0, 0, 1}},
    {"wk", false, 604800, 0, {0, 0, 1}},
    {"mo", false, 2629800, 0, {0, 0, 1}},
    {"a", false, 31557600, 0, {0, 0, 1}},
    {"deg", false, kPi / 180, 0, {0, 0, 0, 0, 0, 0, 0, 1}},
    {"'", false, kPi / 10800, 0, {0, 0, 0, 0, 0, 0, 0, 1}},
    {"''", false, kPi / 648000, 0, {0, 0, 0, 0, 0, 0, 0, 1}},
    {"gon", false, kPi / 200, 0, {0, 0, 0, 0, 0, 0, 0, 1}},
    {"circ", false, 2 * kPi, 0, {0, 0, 0, 0, 0, 0, 0, 1}},
    {"[g]", true, 9.80665, 0, {1, 0, -2}},
    {"gf", true, 9.80665, 0, {1, 1, -2}},
    {"dyn", true, 1, -2, {1, 1, -2}},
    {"erg", true, 1, -4, {2, 1, -2}},
    {"P", true, 1, 2, {-1, 1, -1}},
    {"St", true, 1, -4, {2, 0, -1}},
    {"cal", true, 4.184, 3, {2, 1, -2}},
    {"cal_IT", true, 4.1868, 3, {2, 1, -2}},
    {"atm", false, 101325, 3, {-1, 1, -2}},
    {"att", false, 98066.5, 3, {-1, 1, -2}},
    {"m[H2O]", true, 9806.65, 3, {-1, 1, -2}},
    {"m[Hg]", true, 133322, 3, {-1, 1, -2}},
    {"[in_i'H2O]", false, 249.08891, 3, {-1, 1, -2}},
    {"[in_i'Hg]", false, 3386.3788, 3, {-1, 1, -2}},
    {"[c]", true, 299792458, 0, {1, 0, -1}},
    // customary
    {"[in_i]", false, 2.54, -2, {1}},
    {"[ft_i]", false, 30.48, -2, {1}},
    {"[yd_i]", false, 91.44, -2, {1}},
    {"[mi_i]", false, 1609.344, 0, {1}},
    {"[nmi_i]", false, 1852, 0, {1}},
    {"[kn_i]", false, 1852.0 / 3600, 0, {1, 0, -1}},
    {"[mil_i]", false, 2.54, -5, {1}},
    {"[sin_i]", false, 6.4516, -4, {2}},
    {"[sft_i]", false, 929.0304, -4, {2}},
    {"[cin_i]", false, 16.387064, -6, {3}},
    {"[cft_i]", false, 28316.846592, -6, {3}},
    {"[gal_us]", false, 3785.411784, -6, {3}},
    {"[qt_us]", false, 946.352946, -6, {3}},
    {"[pt_us]", false, 473.176473, -6, {3}},
    {"[foz_us]", false, 29.5735295625, -6, {3}},
    {"[bbl_us]", false, 158987.294928, -6, {3}},
    {"[gal_br]", false, 4546.09, -6, {3}},
    {"[oz_av]", false, 28.349523125, 0, {0, 1}},
    {"[lb_av]", false, 453.59237, 0, {0, 1}},
    {"[ston_av]", false, 907184.74, 0, {0, 1}},
    {"[lton_av]", false, 1016046.9088, 0, {0, 1}},
    {"[lbf_av]", false, 4.4482216152605, 3, {1, 1, -2}},
    {"[psi]", false, 6894.757293168361, 3, {-1, 1, -2}},
    {"[Btu]", false, 1055.05585262, 3, {2, 1, -2}},
    {"[Btu_IT]", false, 1055.05585262, 3, {2, 1, -2}},
    {"[Btu_th]", false, 1054.350264488889, 3, {2, 1, -2}},
    {"[HP]", false, 745.6998715822702, 3, {2, 1, -3}},
    {"[degF]", false, 5.0 / 9, 0, {0, 0, 0, 0, 1}, 459.67},
    {"[degR]", false, 5.0 / 9, 0, {0, 0, 0, 0, 1}},
    // scales apart
    {"B", true, 1, 0, {0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"Np", true, 1, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"[pH]", false, 1, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"[iU]", true, 1, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"bit", true, 1, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"By", true, 8, 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"Bd", true, 1, 0, {0, 0, -1}},
};

}  // namespace lander::sensing
