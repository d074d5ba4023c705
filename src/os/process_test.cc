#include "os/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "os/clock.h"

namespace lander::os {
namespace {

using base::as_text;
using base::Bytes;
using base::Code;

ProcessOptions shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", script};
  options.time = 20 * base::kSecond;
  return options;
}

TEST(Process, InputGoesInAndOutputComesOut) {
  ProcessOptions options;
  options.argv = {"/bin/cat"};
  options.input = Bytes(1'000'000, 'x');
  const auto result = run_process(options);
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_TRUE(result->succeeded());
  EXPECT_EQ(result->output, options.input);
}

TEST(Process, AChildThatWasStartedAheadWaitsForItsWorkAndEndsWithItsOwner) {
  ProcessOptions options;
  options.argv = {"/bin/cat"};
  options.time = 20 * base::kSecond;
  auto child = Process::start(options);
  ASSERT_TRUE(child.ok()) << child.error().message();
  EXPECT_TRUE(child->alive());
  const Bytes input(1'000'000, 'x');  // more than any pipe holds
  const auto result = child->finish(input);
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_TRUE(result->succeeded());
  EXPECT_EQ(result->output, input);
  EXPECT_FALSE(child->alive());
  EXPECT_FALSE(child->finish(input).ok());

  auto deaf = Process::start(shell("exit 3"));
  ASSERT_TRUE(deaf.ok());
  EXPECT_EQ(deaf->finish(input)->exit_code, 3);
  options.argv = {"/nowhere"};
  EXPECT_FALSE(Process::start(options).ok());
  { const auto idle = Process::start(shell("sleep 1000")); }  // returns: it was killed
}

TEST(Process, ExitCodeSignalAndTheEndOfStderrAreTold) {
  auto result = run_process(shell("echo no such table >&2; exit 3"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->exit_code, 3);
  EXPECT_EQ(result->error_tail, "no such table\n");
  EXPECT_FALSE(result->succeeded());
  result = run_process(shell("kill -SEGV $$"));
  EXPECT_EQ(result->signal, SIGSEGV);
  result = run_process(shell("head -c 100000 /dev/zero >&2; echo last words >&2"));
  EXPECT_LE(result->error_tail.size(), 4096u);
  EXPECT_TRUE(result->error_tail.ends_with("last words\n"));
}

TEST(Process, TooMuchOutputIsCutAndTheChildKilled) {
  auto options = shell("exec cat /dev/zero");
  options.max_output = 10'000;
  const auto result = run_process(options);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->output_truncated);
  EXPECT_EQ(result->output.size(), 10'000u);
  EXPECT_EQ(result->signal, SIGKILL);
}

TEST(Process, AChildThatHangsIsKilledWithAllThatItStarted) {
  auto options = shell("sleep 1000 & echo $!; sleep 1000");
  options.time = base::kSecond;
  const auto result = run_process(options);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->timed_out);
  const pid_t grandchild = std::atoi(std::string(as_text(result->output)).c_str());
  ASSERT_GT(grandchild, 1);
  // Killed means: a zombie until init has looked after it, or gone. A busy machine takes a moment
  // to deliver the signal; were it not sent, this would never end and ctest's time-out would tell.
  const std::string path = "/proc/" + std::to_string(grandchild) + "/stat";
  char state = 0;
  do {
    state = 'X';
    if (FILE* stat = std::fopen(path.c_str(), "r")) {
      if (std::fscanf(stat, "%*d %*s %c", &state) != 1) state = 'X';
      std::fclose(stat);
    }
    sched_yield();
  } while (state != 'Z' && state != 'X');
}

TEST(Process, AGrandchildThatKeepsTheOutputOpenDoesNotKeepUsWaiting) {
  const auto result = run_process(shell("sleep 1000 & exit 0"));
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->succeeded());
  EXPECT_FALSE(result->timed_out);
}

TEST(Process, MemoryIsBounded) {
  auto options = shell("x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo survived");
  options.memory_bytes = 100u << 20;
  const auto result = run_process(options);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->succeeded());
}

TEST(Process, AChildSeesNeitherOurEnvironmentNorOurFiles) {
  ::setenv("LANDER_SECRET", "s3cret", 1);
  const int leak = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as a library might
  ASSERT_GT(leak, 2);
  const auto result = run_process(shell("env; ls /proc/self/fd | tr '\\n' ' '; pwd"));
  ::close(leak);
  ::unsetenv("LANDER_SECRET");
  ASSERT_TRUE(result.ok());
  const std::string output(as_text(result->output));
  EXPECT_EQ(output.find("s3cret"), std::string::npos) << output;
  EXPECT_NE(output.find("0 1 2 3 /\n"), std::string::npos) << output;  // 3 is ls's own
}

TEST(Process, AChildCannotWriteFilesUnlessAllowed) {
  auto options = shell("trap '' XFSZ; f=$(mktemp); echo data > $f; s=$?; rm -f $f; exit $s");
  EXPECT_FALSE(run_process(options)->succeeded());
  options.max_file_bytes = 1000;
  EXPECT_TRUE(run_process(options)->succeeded());
}

TEST(Process, AProgramThatIsNotThereIsAnErrorNotAnExitCode) {
  ProcessOptions options;
  EXPECT_EQ(run_process(options).error().code(), Code::kInvalid);
  options.argv = {"/no/such/program"};
  EXPECT_EQ(run_process(options).error().code(), Code::kNotFound);
  options.argv = {"/etc/passwd"};
  EXPECT_EQ(run_process(options).error().code(), Code::kDenied);
}

TEST(Process, AProgramStartsItselfAsAWorker) {
  ProcessOptions options;
  options.argv = {own_program().value(), "--gtest_list_tests", "--gtest_filter=Process.*"};
  const auto result = run_process(options);
  ASSERT_TRUE(result.ok());
  EXPECT_NE(as_text(result->output).find("AProgramStartsItselfAsAWorker"), std::string_view::npos);
}

}  // namespace
}  // namespace lander::os
