// How everything in proxy/ fails that is set up, read or asked for beside a statement: configuration, files,
// certificates, what a server says of itself.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace causeway::proxy {

// What is wrong, in the words of the one who has to put it right.
struct Problem {
  std::string text;
};

// The value, or the problem. Of nothing but success: OrProblem<>.
template <class T = void>
using OrProblem = boost::system::result<T, Problem>;

}  // namespace causeway::proxy
