module github.com/bitactor/cf

go 1.26.5
