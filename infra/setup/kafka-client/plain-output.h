// node-rdkafka prints a few words through C++'s streams. Zig's library of them is a minute's work to compile, and locales
// and all come with it, so those words go to C's streams. Included before each source.
#pragma once
#include <cstdio>
#include <iostream>
#include <string>

namespace std {
struct PlainOutput {
  FILE* file;
  const PlainOutput& operator<<(const char* text) const {
    std::fputs(text, file);
    return *this;
  }
  const PlainOutput& operator<<(const string& text) const { return *this << text.c_str(); }
  const PlainOutput& operator<<(long long number) const { return *this << to_string(number); }
};
inline const PlainOutput plain_out{stdout};
inline const PlainOutput plain_err{stderr};
inline constexpr const char* plain_end = "\n";
}  // namespace std

#define cout plain_out
#define cerr plain_err
#define endl plain_end
