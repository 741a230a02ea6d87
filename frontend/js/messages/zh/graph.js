export default {
  nodes: { other: '{count} 个节点' },
  run: '运行',
  notInstalled: '“{name}”未安装',
  noModelNamed: '未指定模型',
  chooseModel: '选择已有的模型',
  install: '这里没有此类模型。请将文件放入 ComfyUI 查找的位置（此 Studio 的 models 文件夹之下），然后重新检查。',
  installInto: '这里没有此类模型。请将文件（.safetensors）放入此 Studio 的 {folder} 文件夹，然后重新检查。',
  inputs: '它会读取这些文件，请选择你的文件：',
  hashing: '正在检查 Studio 是否已有，{percent}%',
  uploading: '正在上传，{percent}%',
  uploaded: '就绪',
};
