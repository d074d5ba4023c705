// Whole CSV files in memory, as learning wants them.
#pragma once

#include <string>
#include <vector>

#include "cli/files.h"
#include "learn/classify.h"
#include "learn/learn.h"
#include "learn/life.h"

namespace lander::cli {

// What was read beside the numbers: for the summary and for stderr.
struct ReadNotes {
  std::vector<std::string> notes;  // each with its file
  std::uint64_t rows = 0;
};

// One run a file, and another where a file's times step back. Rows at a time that repeats are left
// out. Sensors that never have a value are left out.
base::Result<learn::Frames> read_frames(Session& session, const std::vector<std::string>& files,
                                        const FileOptions& options, ReadNotes& notes);

// The same unit in two files is two units.
base::Result<learn::Units> read_units(Session& session, const std::vector<std::string>& files,
                                      const FileOptions& options, const std::string& unit,
                                      ReadNotes& notes);

base::Result<learn::Labelled> read_labelled(Session& session, const std::vector<std::string>& files,
                                            const FileOptions& options, const std::string& label,
                                            ReadNotes& notes);

}  // namespace lander::cli
