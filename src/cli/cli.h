// `lander`, the operator's command: everything that a site or hub can be asked over its API, for a
// person (tables, relative times) or a program (--json).
#pragma once

#include "cli/world.h"

namespace lander::cli {

// Exit status: 0 done, 1 failed (stderr says what, where, what to do), 2 wrong usage.
// `parquet`: how to write such files, where this program can; `lakes`: how to keep a lake.
int main(int argc, char** argv, MakeObservationFile parquet = {}, Lakes lakes = {});

}  // namespace lander::cli
