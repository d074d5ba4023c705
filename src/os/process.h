// One bounded child process: run, wait, collect. For work that must not be able to hurt its parent
// (a user's SQL): the child has its own limits, an empty environment and only three descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::os {

struct ProcessOptions {
  std::vector<std::string> argv;       // argv[0] is the program's path; no shell, no PATH search
  base::Bytes input;                   // the child's whole stdin
  std::size_t max_output = 16u << 20;  // bytes of stdout kept; a child that writes more is killed
  std::uint64_t memory_bytes = 0;      // RLIMIT_AS; 0: the parent's own
  base::DurationUs time = 30 * base::kSecond;  // wall clock; CPU time is limited to the same
  std::uint64_t max_file_bytes = 0;            // RLIMIT_FSIZE: the largest file the child may write
  unsigned max_open_files = 256;               // RLIMIT_NOFILE
};

struct ProcessResult {
  int exit_code = -1;             // valid when signal == 0
  int signal = 0;                 // what ended it, 0: it exited by itself
  base::Bytes output;             // stdout, at most max_output bytes
  std::string error_tail;         // the last 4 KiB of stderr
  bool output_truncated = false;  // it was killed for writing more than max_output
  bool timed_out = false;         // it was killed at `time`

  bool succeeded() const {
    return signal == 0 && exit_code == 0 && !output_truncated && !timed_out;
  }
};

// Blocks until the child and whatever it started in its process group are gone. The child gets
// PATH=/usr/bin:/bin and LANG=C.UTF-8 as its environment, "/" as its folder, default signals, and
// is killed when the calling thread dies. kNotFound when the program is not there, kInvalid for an
// empty argv, kIo when no process can be made. Thread-safe.
base::Result<ProcessResult> run_process(const ProcessOptions& options);

// Such a child, started ahead of its work, so that what it needs to begin with costs nobody a wait.
// Lives no longer than this object.
class Process {
 public:
  // options.input is not for this. The calling thread must outlive the child.
  static base::Result<Process> start(const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  bool alive() const;
  // Gives the child its whole stdin; then as run_process(), whose time begins here. Once.
  base::Result<ProcessResult> finish(base::ByteView input);

 private:
  struct Parts;
  explicit Process(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Goes on as the program `name` that stands beside this one, with these arguments (argv[0] is its
// own); returns only when that failed: kNotFound when it is not there.
base::Error become_neighbour(const std::string& name, const std::vector<std::string>& arguments);

// What run_process() starts this very program by, also when its file was replaced since.
base::Result<std::string> own_program();
// `path`, which must exist, as a child of run_process() finds it: its folder is "/".
base::Result<std::string> absolute_path(const std::string& path);

}  // namespace lander::os
