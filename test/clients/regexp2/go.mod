module latchkey/test/clients/regexp2

go 1.19

require github.com/dlclark/regexp2 v1.11.5
