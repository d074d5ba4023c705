// What is found out about the units before anything is fitted to their lives: the cap, operating
// regimes, which inputs are sensors, how they are standardised. Private to learning of life.
#pragma once

#include "learn/life.h"
#include "model/life.h"

namespace lander::learn {

struct UnitRange {
  std::size_t begin, end;  // rows
};
std::vector<UnitRange> ranges(const Units& units);

// The longest life worth telling: (1 - 1/e) of the median unit's life, at most the life of the
// shortest tenth, rounded down to a quarter of its decade (100, 125, 150, ..). Before that a unit
// is as good as new and its rows say nothing of how long it will last.
double default_cap(const Units& units);

// Columns whose values fall into a few clusters, where the moves between clusters explain most of
// what the other columns do from one row to the next; together they tell the operating regime.
// Leaves `plan` without settings and with one regime where there are none such.
void find_regimes(const Units& units, model::LifePlan& plan);

// Inputs that vary within a regime and have to do with the life that remains (at most
// kMaxLifeSensors, the best), with their mean and scale a regime. Wants the windows.
void find_sensors(const Units& units, double cap, model::LifePlan& plan);

}  // namespace lander::learn
